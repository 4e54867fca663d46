"""What the APIs are made of, without an application."""
