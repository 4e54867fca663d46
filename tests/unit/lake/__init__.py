"""The lake, without a server."""
