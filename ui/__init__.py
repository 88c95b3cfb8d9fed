"""Command line and desktop app: the composition roots, and the windows they open."""
