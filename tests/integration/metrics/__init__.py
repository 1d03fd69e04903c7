"""Integration tests of metrics."""
