"""The one way out: links to cluster, cluster to fragments and events, merged by policy, projected.

Knows how a question about one identity is answered; refuses to know HTTP and to write anything.
Read `profiles.py`, which has the questions, then `owner.py`, `entity.py` and `timeline.py`.
"""
