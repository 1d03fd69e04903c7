"""What may be shown to whom: the one place that both the API and the pages take their facts from.

Every function is given who looks, and returns frozen models that hold nothing of anybody else. Nothing is
rounded here; times are UTC.
"""
