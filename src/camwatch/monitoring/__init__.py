"""The live loop: messages in, deadlines, reloads; and the core's events out."""
