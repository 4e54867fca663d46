"""What is believed about one person: fragments and events, and how a merge policy folds them.

Knows fragments, events, merge policies, the merge, selection of fields and filters on events.
Refuses to know where they are stored and which identities are one person (that is `domain/graph`).
Read `fragment.py` first, then `merge_policy.py` and `merge.py`.
"""
