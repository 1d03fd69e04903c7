"""Integration tests of web pages."""
