"""What tests, simulation and example clients share. Nothing that serves requests imports it."""
