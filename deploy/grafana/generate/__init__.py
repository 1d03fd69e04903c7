"""The dashboards as code: a function for each; `documents` maps them to files."""
