"""Ways out: pictures and tables of what was found and read."""
