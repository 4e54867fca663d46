"""The Intilery dialect. Source: Intilery contract."""
