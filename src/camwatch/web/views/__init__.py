"""Read models for the API and the pages, restricted to what a principal can see.

Every function takes the principal and returns frozen models. Nothing is rounded; times are UTC.
"""
