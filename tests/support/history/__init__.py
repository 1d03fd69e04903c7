"""Support for tests of history."""
