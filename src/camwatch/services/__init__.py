"""The record as those ask for it who do not keep it: figures, reports, corrections."""
