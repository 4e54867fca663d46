"""The lake of a sandbox: its records as Parquet files, one table a dataset, in DuckLake.

Knows how a schema becomes columns, how records come in without loss or repetition, and how they
leave for good; refuses to know the journal and who asks. The only room that imports DuckDB. Read
`lake.py` first, then `columns.py`.
"""
