"""The real server as real processes, killed at any moment."""
