"""Hypothesis here asserts nothing about speed: the machine may be busy."""

from hypothesis import HealthCheck, settings

settings.register_profile("camwatch", suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("camwatch")
