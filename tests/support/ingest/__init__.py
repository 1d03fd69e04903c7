"""Support for tests of ingest."""
