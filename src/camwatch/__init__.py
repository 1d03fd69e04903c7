"""camwatch watches the health of a city's surveillance cameras.

It judges which cameras are alive from their heartbeats over MQTT, keeps an exact account of their
uptime, and gives the figures to Prometheus. No pictures pass through it.
"""

__version__ = "0.1.0"
