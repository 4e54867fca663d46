"""The only SQL of the project; answers domain values, never rows.

Knows engines and tables; refuses to know HTTP, the order of the pipeline and the rules of merging.
Read `engine.py` first, then `sqlite.py`, then the table that concerns you in `tables/`.
"""
