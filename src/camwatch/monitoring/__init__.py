"""The live loop: messages in, deadlines, reloads; what the core said goes to whoever needs it."""
