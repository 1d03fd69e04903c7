"""Documents that are written from the code, so that they cannot say anything else than it does.

`python -m tools.docs` writes them; with `--check` it only lists which are out of date. To add one, add a
module with a `text()` that returns the whole document, and name it in `tools/docs/documents.py`.
"""
