"""``teachgym clean``: the list of what was left, and what became of it."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from rich.filesize import decimal

from teachgym.cli.run import say
from teachgym.runs.leftovers import find_leftovers


def clean_up(folders: Iterable[Path], *, remove: bool) -> None:
    """List the leftovers in folders, and remove those that nobody uses if that is wanted.

    Raises:
        RunError: for a folder that is not there, or if something cannot be removed.
    """
    count = size = 0
    for folder in folders:
        for left in find_leftovers(folder):
            if left.state == "in use":
                say(f"{left.state:14}{left.detail}")
                continue
            bytes_in_it = left.size
            facts = ", ".join(filter(None, (left.detail, decimal(bytes_in_it))))
            say(f"{left.state:14}{left.path} ({facts})")
            if remove:
                left.remove()
            count, size = count + 1, size + bytes_in_it
    if not count:
        say("nothing to remove")
    elif remove:
        say(f"removed {count}, {decimal(size)}")
    else:
        say(f"{count} to remove, {decimal(size)}; the same command with --yes removes them")
