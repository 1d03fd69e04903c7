"""Figures from the record. Pure: rows in, figures out."""
