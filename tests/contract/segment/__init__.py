"""The Segment dialect. Source: Intilery contract, 12 to 14."""
