"""Tests of catalogues and of how languages write figures."""
