"""The reference model: the rules, implemented a second time without code of the core."""
