"""`python -m fuseline`: the same as the command `fuseline`."""

from fuseline.cli import main

if __name__ == "__main__":
    main()
