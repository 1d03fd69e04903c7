"""Figures derived from the record. Pure: records in, figures out."""
