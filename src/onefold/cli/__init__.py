"""The command `onefold`: one module a command; main.py lists them and imports each when it is run.

Knows how to read arguments and print. Refuses to know anything else: calls control and server.
"""
