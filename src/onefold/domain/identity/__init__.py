"""What an identity is: namespaces, values, how records name them, and their opaque form (XID)."""
