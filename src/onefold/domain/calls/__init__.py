"""Calls: what senders of the Segment and Intilery dialects say, as values: identify, track, page,
screen, group and alias.

Knows their form and what each becomes as an entity; refuses to know doors, keys and stores. Read
`call.py` first.
"""
