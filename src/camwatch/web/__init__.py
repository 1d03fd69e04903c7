"""What people and probes reach over HTTP."""
