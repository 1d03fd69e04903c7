"""Support for tests of simulator."""
