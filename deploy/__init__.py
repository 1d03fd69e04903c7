"""What stands around camwatch when it runs in a city: configuration, and the code that writes some of it."""
