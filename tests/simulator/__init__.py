"""The simulator, against real brokers."""
