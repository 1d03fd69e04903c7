"""Unit tests of simulator."""
