"""Token endpoints, `/ims/...`. Knows forms; what a token is, `control/tokens.py` knows."""
