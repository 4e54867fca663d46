"""Tests of the lookup room that need no store."""
