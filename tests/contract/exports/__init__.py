"""Data Access: files of batches, and previews."""
