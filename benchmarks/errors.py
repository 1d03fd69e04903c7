"""The one error of the comparison."""


class BenchmarkError(Exception):
    """A measurement could not be taken; the text says which and why."""
