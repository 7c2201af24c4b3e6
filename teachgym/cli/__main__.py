"""``python -m teachgym.cli``."""

from teachgym.cli.commands import main

main()
