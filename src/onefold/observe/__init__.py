"""What an operator sees: metrics and log events.

Knows numbers and codes; refuses to know people. Read `metrics.py`, which has every metric in one
table.
"""
