"""The identity service: namespaces, XIDs and graphs. Read graph.py first."""
