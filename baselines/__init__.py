"""Every other method of the paper's tables, one file a method, read beside its paper."""
