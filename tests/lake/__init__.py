"""The lake: columns of schemas, landing, removal, files."""
