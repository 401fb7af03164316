"""What runs a network: one file an engine, each with ``prepare(network, example, conditions)``."""
