"""The prose check: phrases of the style sheet that read as translated (`python -m tools.prose PATH …`)."""
