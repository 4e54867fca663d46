"""The identity service over HTTP."""
