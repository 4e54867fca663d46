"""The control plane: creates, lists and changes what is defined; called by api, web and cli.

Knows organisations, credentials, sandboxes and every kind of definition. Refuses to know HTTP and
profile data. Read `installation.py` first, then `starter.py`.
"""
