"""`/data/core/privacy`: what a person may demand of whoever knows them."""
