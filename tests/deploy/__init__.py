"""What stands around camwatch, tried with the programs that it is made for."""
