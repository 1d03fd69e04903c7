"""Running plans: one, many on all cores, or a failing one until it is as small as possible."""
