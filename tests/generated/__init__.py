"""Generated requests against the document that the server gives of itself."""
