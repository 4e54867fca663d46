"""The one way in: checks what a sender sends and appends it to the journal.

Knows envelopes, inlets and limits; refuses to know HTTP and what becomes of a record.
Read `accept.py`; `inbox.py` has failed records accepted again.
"""
