"""Unit tests of web pages."""
