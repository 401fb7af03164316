"""The bench: recipe -> run -> record -> table -> report -> verdict."""

__version__ = "0.1.0"
