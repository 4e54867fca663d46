"""One module per aggregate: its statements, and the way between rows and domain values."""
