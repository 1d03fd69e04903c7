"""Integration tests of simulator."""
