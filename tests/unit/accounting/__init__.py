"""Unit tests of accounting."""
