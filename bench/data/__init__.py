"""Data sets, their reading, checking and augmentation."""
