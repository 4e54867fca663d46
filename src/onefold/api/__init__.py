"""The HTTP doors: one folder per API family, one module per resource; the URL tells you the file.

Knows requests, responses and who asks; refuses to know SQL. A handler makes one call into control,
inlet or lookup. Read `context.py`, then `route.py`.
"""
