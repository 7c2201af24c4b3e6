"""``python -m teachgym`` is the command ``teachgym``."""

from teachgym.cli.commands import main

main()
