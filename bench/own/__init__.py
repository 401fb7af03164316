"""A user's own network: its files are run, and all that they do stays theirs."""
