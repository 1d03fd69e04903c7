"""The accounting package: figures derived from the record."""
