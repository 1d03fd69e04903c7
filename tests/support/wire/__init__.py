"""Support for tests of messages."""
