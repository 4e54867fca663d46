"""The doors of the Intilery dialect: customers and their events are read here, calls are written.

Read asked.py for parameters, profiles.py and events.py for reads, write.py for calls. Every rule of
the dialect that is a decision of ours stands in one named function.
Source: Intilery contract, sections 5 to 10.
"""
