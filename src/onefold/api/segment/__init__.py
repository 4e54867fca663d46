"""The doors of the Segment dialect: libraries send calls here, with a write key; profiles are read.

ingest.py takes calls at `/v1`, tag.py those of browsers and phones, arriving.py is what both do;
projects.py is what libraries fetch before they send. Source: Intilery contract, 12 to 14.
"""
