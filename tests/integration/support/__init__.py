"""Integration tests of support."""
