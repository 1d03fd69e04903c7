"""`python -m tests.simulation.mutations [--check] [NAME…]`: exit code 1 if a mutation is not detected."""

import sys

from tests.simulation.mutations.runner import main

sys.exit(main(sys.argv[1:]))
