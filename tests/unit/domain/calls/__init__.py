"""Tests of calls, as their senders write them."""
