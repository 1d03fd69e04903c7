"""Use cases on the stored record: queries, reports, corrections."""
