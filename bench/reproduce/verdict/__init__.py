"""What a measured number says about a printed one."""
