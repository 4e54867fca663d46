"""`/data/foundation/import`: batches of files."""
