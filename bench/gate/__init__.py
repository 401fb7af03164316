"""The gate for a change: counts and outputs exactly, accuracy by statistics, speed as a ratio in one run."""
