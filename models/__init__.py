"""Localiser, grader, their training and their weights. Imports nothing, so that naming it costs nothing."""
