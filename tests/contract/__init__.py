"""The documented behaviour, family by family, against the whole application."""
