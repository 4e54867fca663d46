"""Clients of others, unchanged, against a server of ours."""
