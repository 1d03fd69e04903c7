"""What speed and memory camwatch claims, measured beside its peers in one run: `python -m benchmarks`."""
