"""Work in the background: jobs that somebody asked for by a row, and the landing of the lake.

Knows how a job is claimed, held, gone on with after a crash, and ended; refuses to know who asked.
Read `worker.py` first, then `kinds.py`, the table from a kind's name to its function.
"""
