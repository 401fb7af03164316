"""How long a forward pass takes here, and whether that number may be believed."""
