"""The tables against a real database."""
