"""Accounts: sandboxes that take calls, as the platform sees them."""
