"""Everything around the rules: cameras, networks, brokers, and the daemon on a virtual clock."""
