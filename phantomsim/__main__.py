"""`python -m phantomsim` is the command `phantomsim`."""

from phantomsim.cli.main import main

if __name__ == "__main__":
    main(prog_name="phantomsim")
