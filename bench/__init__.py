"""The bench: recipe -> run -> record -> table -> report -> verdict."""
