"""The identity graph: links are facts, clusters follow from them.

Knows pairs of XIDs, when and by which dataset they were seen together, the limit of a cluster, and
the linking rules that keep people apart.
Refuses to know where links are stored and which fields of a record name an identity (that is
`domain/identity/records.py`). Read `links.py` first, then `cluster.py`; `settings.py` and
`linking.py` hold the rules, `simulate.py` tells what they would do.
"""
