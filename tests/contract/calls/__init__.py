"""Calls of the Intilery and Segment dialects, and what becomes of them."""
