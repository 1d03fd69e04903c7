"""Tools of development: generated documents, screenshots, vendored front end, a preview of dashboards."""
