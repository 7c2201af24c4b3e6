r"""A process that compares mathematical answers, until it is killed or its input ends.

Run as a script by ``teachgym.tasks.math_grading``. It reads lines of JSON,
``[deadline in seconds, [[gold, answer], ...]]``, and writes a line for each pair: ``1.0`` equal,
``0.0`` not, ``nan`` if the gold answer cannot be parsed. The project is not imported, so it
starts as fast as math-verify does.

When a comparison takes longer than the deadline the process ends with ``OVERDUE``: sympy cannot
be interrupted otherwise, and works on ``9^{9^{9^9}}`` for ever.
"""

from __future__ import annotations

import faulthandler
import json
import logging
import math
import os
import signal
import sys

OVERDUE = 1
"""Exit status after a deadline; it is ``faulthandler`` that chooses it."""


def serve() -> None:
    """Answer requests. ``ready`` is written first, when the parser has been built."""
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    nowhere = open(os.devnull, "w")  # noqa: SIM115  (open as long as the process lives)
    os.dup2(nowhere.fileno(), sys.stdout.fileno())
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent.
    logging.disable()  # math-verify warns of missing deadlines.
    compare(r"\frac{1}{2}", "(x, 1]")
    print("ready", file=answers, flush=True)
    os.dup2(nowhere.fileno(), sys.stderr.fileno())  # The parser writes of every syntax error.
    for line in sys.stdin:
        deadline, pairs = json.loads(line)
        for gold, answer in pairs:
            # A watchdog in C: it needs neither a signal handler nor the interpreter's lock.
            faulthandler.dump_traceback_later(deadline, exit=True, file=nowhere)
            score = compare(gold, answer)
            faulthandler.cancel_dump_traceback_later()
            print(score, file=answers, flush=True)


def compare(gold: str, answer: str) -> float:
    """The score of an answer in LaTeX: 1 if equal, 0 if not, nan if ``gold`` cannot be parsed.

    The time-outs of math-verify are switched off. What cannot be parsed is equal to nothing, and
    no number is looked for in a text that is not one.
    """
    from math_verify import (  # type: ignore[import-untyped]
        LatexExtractionConfig,
        parse,
        verify,
    )

    def parsed(text: str) -> list[object]:
        return parse(  # type: ignore[no-any-return]
            rf"\boxed{{{text}}}",
            [LatexExtractionConfig()],
            fallback_mode="no_fallback",
            parsing_timeout=None,
        )

    right = parsed(gold)
    if not right:
        return math.nan
    if gold == answer:
        return 1.0
    return float(verify(right, parsed(answer), timeout_seconds=None))


if __name__ == "__main__":
    serve()
