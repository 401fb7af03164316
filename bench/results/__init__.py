"""Records: one immutable file per measurement, with its provenance."""
