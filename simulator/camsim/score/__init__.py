"""Scores camwatch's record, from its documented tables or its API, against the ground truth."""
