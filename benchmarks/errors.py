"""What can go wrong in the comparison."""


class BenchmarkError(Exception):
    """A measurement could not be taken; the text names it and the reason."""


class LostMessagesError(BenchmarkError):
    """A program came to rest without having processed all that it was sent."""
