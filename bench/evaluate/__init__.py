"""Evaluate: predictions at label size, one confusion matrix, a protocol that names itself."""
