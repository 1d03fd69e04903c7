"""The commands on the record, run as people run them."""
