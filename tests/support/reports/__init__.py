"""Support for tests of reports."""
