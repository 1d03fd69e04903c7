"""The inventory: tables, faults, changes, and the reference fleet."""
