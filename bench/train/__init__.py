"""Train: a recipe becomes a run folder, its checkpoints and the final weights."""
