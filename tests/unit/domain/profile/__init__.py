"""Tests of fragments, events and their merge."""
