"""End-to-end tests of browser."""
