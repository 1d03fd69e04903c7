"""The dashboards as code: a function for each; `documents` says which files they become."""
