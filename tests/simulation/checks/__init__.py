"""Comparisons of what the daemon holds, emits and stores with the reference model and with the truth."""
