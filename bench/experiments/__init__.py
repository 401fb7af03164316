"""What to train or time: decides it, does it, and writes the records."""
