"""`/data/foundation/import` over HTTP, and what becomes of what is sent there."""
