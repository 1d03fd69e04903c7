"""Scenarios: what befalls a fleet, written in YAML, and read with the line and column of each mistake."""
