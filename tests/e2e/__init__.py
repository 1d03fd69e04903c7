"""The daemon, the simulator and a real broker together; only what users can read is read."""
