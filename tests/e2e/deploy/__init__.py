"""End-to-end tests of deploy."""
