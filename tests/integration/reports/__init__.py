"""Integration tests of reports."""
