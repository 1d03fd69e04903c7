"""The door: who is let in, as whom."""
