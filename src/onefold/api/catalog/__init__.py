"""The catalogue: datasets. Answers are objects keyed by id, not lists."""
