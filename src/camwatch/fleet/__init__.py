"""Who is watched: the inventory tables."""
