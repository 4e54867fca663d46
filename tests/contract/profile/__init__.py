"""Lookup: profile contract, 3 and 13."""
