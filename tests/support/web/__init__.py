"""Support for tests of web."""
