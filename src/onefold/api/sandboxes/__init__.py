"""Sandbox management: which sandboxes an organisation has. Read sandboxes.py."""
