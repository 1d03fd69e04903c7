"""Integration tests of web auth."""
