"""Onefold's own extensions: what the platform's APIs have no door for. Read failed_records.py."""
