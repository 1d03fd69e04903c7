"""Unit tests of fleet."""
