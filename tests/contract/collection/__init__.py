"""Streaming ingestion: ingestion contract, 2 and 3."""
