"""The rules, pure: values in, values out. No I/O, no clock, no logging, no framework.

Knows identities, schemas, graphs and profiles; refuses to know where they are stored or who asks.
Read `identity/identity.py` first.
"""
