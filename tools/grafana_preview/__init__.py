"""Pictures of the dashboards without a Grafana: from the JSON and what a live Prometheus answers."""
