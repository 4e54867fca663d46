"""The Schema Registry; start with `resources.py`. Accept headers are read in `accept.py`."""
