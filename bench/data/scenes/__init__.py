"""Synthetic street scenes, drawn by procedure: the data set that comes with the package."""
