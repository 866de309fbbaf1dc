"""Let ``python -m autometa`` be the command line."""

from autometa.cli import main

if __name__ == "__main__":
    main()
