"""Support for tests of deploy."""
