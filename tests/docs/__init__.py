"""The docs say what the code does: commands are run, reference pages are complete."""
