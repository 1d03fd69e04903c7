"""Integration tests of history."""
