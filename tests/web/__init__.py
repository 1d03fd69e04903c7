"""The HTTP server, with real clients."""
