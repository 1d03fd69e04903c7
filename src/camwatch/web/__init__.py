"""The HTTP server: probes, metrics, API and pages."""
