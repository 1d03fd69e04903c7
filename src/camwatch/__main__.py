"""`python -m camwatch`: the command line."""

from camwatch.cli import main

if __name__ == "__main__":
    main()
