"""Privacy jobs over HTTP."""
