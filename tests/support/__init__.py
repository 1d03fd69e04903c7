"""Fakes, builders and real servers for the tests."""
