"""Records: one immutable file a measurement, with where it comes from."""
