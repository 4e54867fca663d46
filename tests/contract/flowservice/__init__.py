"""The Flow Service over HTTP."""
