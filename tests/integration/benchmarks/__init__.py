"""Integration tests of benchmarks."""
