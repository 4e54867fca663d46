"""Streaming ingestion over HTTP: `/collection/...`. Source: ingestion contract, 2, 3 and 10."""
