"""Onefold's own extensions over the whole application."""
