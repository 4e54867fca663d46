"""`/data/foundation/export`: what was loaded, and what could not be, as files."""
