"""A trained network's pictures and the files of a test server."""
