"""Scenarios: faults of a fleet in YAML, parsed with the line and column of each mistake."""
