"""Tests of the identity graph."""
