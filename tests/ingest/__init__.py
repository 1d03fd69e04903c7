"""Tests of how messages arrive, against real brokers."""
