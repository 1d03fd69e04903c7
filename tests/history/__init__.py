"""The store and what it keeps, on real files and a real server."""
