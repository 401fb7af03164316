"""The paper's ablations: which runs they are of, what the records say, and whether the statements hold."""
