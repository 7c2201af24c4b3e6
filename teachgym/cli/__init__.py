"""The command line; ``main`` is the entry point of the ``teachgym`` command."""

from teachgym.cli.commands import app, main

__all__ = ["app", "main"]
