"""What happens in a simulation: the fleet, its links and the faults, drawn from a seed."""
