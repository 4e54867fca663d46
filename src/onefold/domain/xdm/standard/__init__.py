"""The standard XDM resources as data, in the compact notation of `notation.py`. Read
`loader.py`."""
