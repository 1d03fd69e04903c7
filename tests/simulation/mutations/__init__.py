"""Known faults to plant in camwatch, and the seeds that detect them."""
