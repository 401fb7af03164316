"""Every other method of the paper's tables, one file per method, to be read next to its paper."""
