"""Measurements of a running server beside floors of the same machine, taken in turns.

Knows Onefold from outside, by its command line and its HTTP doors; only the floors know its tables.
Read `__main__.py`, which has the order, then `ingest.py` and `lookup.py`, which say what each
figure means.
"""
