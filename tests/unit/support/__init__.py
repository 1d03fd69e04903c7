"""Unit tests of the test support, and of how the suite is laid out."""
