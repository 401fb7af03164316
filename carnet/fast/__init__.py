"""Exact, faster forms of the model and its losses: deployment, training, and the C behind them."""
