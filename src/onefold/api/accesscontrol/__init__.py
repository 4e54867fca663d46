"""Access control over HTTP."""
