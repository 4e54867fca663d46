"""Observability over HTTP."""
