"""Databases that fail at every possible call, and what must hold afterwards."""
