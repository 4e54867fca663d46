"""Sandbox management over HTTP."""
