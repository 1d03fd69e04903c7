"""`python -m camsim` is `camsim`."""

from camsim.cli import main

if __name__ == "__main__":
    main()
