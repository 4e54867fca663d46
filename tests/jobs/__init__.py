"""Jobs on a whole application: the worker, and each kind."""
