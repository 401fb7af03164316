"""What runs a network: one file per engine, each with ``prepare(network, example, conditions)``."""
