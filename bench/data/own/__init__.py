"""Data of one's own: a folder of images and labels that a TOML file describes."""
