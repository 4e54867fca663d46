"""Onefold: everything known about one customer, folded into one profile, in real time.

Start reading at `server.py`, which wires the rooms together; the map is
docs/internals/architecture.md.
"""
