"""What becomes of accepted records: links, fragments, events, or failed records. One batch of the
journal is one transaction of the profile store, the consumer's offset included.

Knows the order of the steps; refuses to know who sent a record or who will read it. Read
`processor.py`, which has the order, then the steps: `normalize.py` (with
`entities.py`), `fold.py`, `stitch.py` and `apply.py`.
"""
