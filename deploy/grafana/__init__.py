"""Grafana: provisioning, the dashboards and the code that writes them."""
