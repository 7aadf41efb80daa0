"""`python -m undertone`: the console script, for launchers that start a module."""

from undertone.app.cli.main import main

main()
