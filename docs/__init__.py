"""The documentation, and in `generate` the part of it that is written from the code."""
