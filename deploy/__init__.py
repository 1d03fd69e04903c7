"""Deployment of camwatch in a city: configuration, and the code that generates some of it."""
