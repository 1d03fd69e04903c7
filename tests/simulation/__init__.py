"""A whole camwatch on a virtual clock under random faults, compared with a reference model of the rules."""
