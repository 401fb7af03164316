"""CARNet (Hao et al., IEEE Access 2020): the model and nothing else."""
