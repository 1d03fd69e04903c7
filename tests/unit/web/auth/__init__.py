"""Unit tests of web auth."""
