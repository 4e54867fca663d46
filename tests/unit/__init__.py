"""Unit tests; they mirror src/onefold and do no I/O."""
