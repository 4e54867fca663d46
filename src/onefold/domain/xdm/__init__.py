"""What a record may look like: XDM schemas, how they compose, and whether an entity fits one.

Knows schema documents, resolved field trees, identity descriptors and the standard resources;
refuses to know where documents are stored and what a record does once it fits.
Read `types.py` first, then `compose.py` and `validate.py`.
"""
