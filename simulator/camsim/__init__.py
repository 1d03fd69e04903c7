"""Plays a fleet of cameras against a real MQTT broker."""
