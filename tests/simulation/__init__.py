"""A whole small world in one process, driven by one seed. Read `run.py` first, then `model.py`."""
