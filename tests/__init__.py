"""All tests of Onefold."""
