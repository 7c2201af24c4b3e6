"""Long output, in a pager on a terminal."""

from __future__ import annotations

import os
import pydoc
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from io import StringIO


class _Kept(StringIO):
    """Keeps the printed text; it passes for a terminal, so that colours stay."""

    def isatty(self) -> bool:
        return True


@contextmanager
def paged(wanted: bool = True) -> Iterator[None]:
    """Show what is printed inside in a pager if it has more lines than the terminal.

    The pager is the one of ``PAGER``, or ``less``, which also gets ``LESS=FRX`` unless that
    variable is set. Where the output is no terminal, or with ``PAGER=cat``, it is printed.

    Args:
        wanted: False = print as usual.
    """
    if not (wanted and sys.stdout.isatty() and sys.stdin.isatty()):
        yield
        return
    kept = _Kept()
    try:
        with redirect_stdout(kept):
            yield
    finally:
        text = kept.getvalue()
        if text.count("\n") < shutil.get_terminal_size().lines:
            sys.stdout.write(text)
        else:
            os.environ.setdefault("LESS", "FRX")  # Colours are kept, the text stays on the screen.
            pydoc.pager(text)
