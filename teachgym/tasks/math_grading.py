"""Grading of mathematical answers by math-verify, in processes that can be killed.

sympy can take for ever, and cannot be interrupted from within, so each comparison has a deadline,
and a process that misses it is killed and replaced. The processes are plain subprocesses that
speak in lines: they work from any thread, in daemonic workers of vector environments, after a
fork, and under scripts without a main guard, where ``multiprocessing`` does not.

Source of the comparison: math-verify, Hugging Face, https://github.com/huggingface/Math-Verify.
"""

from __future__ import annotations

import atexit
import json
import math
import os
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import cache
from importlib.util import find_spec
from itertools import chain, islice
from queue import LifoQueue

from teachgym.errors import missing_extra
from teachgym.tasks import math_worker
from teachgym.tasks.math_answers import is_number, same_number

Pair = tuple[str, str]
"""The right answer, and one to compare with it."""

_MOST_PROCESSES = 4
_CHUNK = 32
"""Pairs that a process gets at a time."""


def require_math_verify() -> None:
    """Raise ``MissingExtraError`` if math-verify is not installed."""
    if find_spec("math_verify") is None:
        raise missing_extra("math-verify", "math")


def grade_answers(
    golds: Sequence[str | None], answers: Sequence[str | None], *, deadline: float
) -> list[float]:
    """The score of each answer: 1 if it equals the right one, else 0; nan = unknown.

    Plain numbers are compared at once; the rest goes to processes, which are started when they
    are first needed and shared by all. An answer whose comparison misses the deadline, or that
    its process dies of twice, scores 0. Two answers that cannot be parsed are never equal.

    Args:
        golds: right answers in LaTeX; None = there is none, which gives nan, as does one that
            cannot be parsed.
        answers: answers in LaTeX, one for each; None = there is none, which gives 0.
        deadline: seconds for one comparison, > 0.

    Raises:
        MissingExtraError: if math-verify cannot be loaded.
    """
    pairs = [(gold, answer or "") for gold, answer in zip(golds, answers, strict=True)]
    scores = [_at_once(gold, answer) for gold, answer in pairs]
    hard = [i for i, score in enumerate(scores) if score is None]
    compared = _compare([(pairs[i][0] or "", pairs[i][1]) for i in hard], deadline)
    for i, score in zip(hard, compared, strict=True):
        scores[i] = score
    return [score for score in scores if score is not None]


def _at_once(gold: str | None, answer: str) -> float | None:
    """The score of a pair that takes no process to compare."""
    if gold is None:
        return math.nan
    if not answer and is_number(gold):
        return 0.0
    same = same_number(gold, answer)
    return None if same is None else float(same)


def _compare(pairs: Sequence[Pair], deadline: float) -> list[float]:
    # By process: a fork has none of its parent's threads, and must not speak in its pipes.
    return _pool(os.getpid()).compare(pairs, deadline) if pairs else []


@cache
def _pool(pid: int) -> _Pool:
    pool = _Pool(min(_MOST_PROCESSES, os.cpu_count() or 1))
    atexit.register(pool.close)
    return pool


class _Pool:
    """A pool of a few processes, used by as many threads as want them."""

    def __init__(self, size: int) -> None:
        self._processes = tuple(_Process() for _ in range(size))
        # Last in, first out: who compares one pair at a time needs one process in all.
        self._idle: LifoQueue[_Process] = LifoQueue()
        for process in self._processes:
            self._idle.put(process)
        self._threads = ThreadPoolExecutor(size)

    def compare(self, pairs: Sequence[Pair], deadline: float) -> list[float]:
        """The scores of the pairs, in their order."""
        chunks = [pairs[i : i + _CHUNK] for i in range(0, len(pairs), _CHUNK)]
        if len(chunks) == 1:
            return self._compare_chunk(pairs, deadline)
        scores = self._threads.map(lambda chunk: self._compare_chunk(chunk, deadline), chunks)
        return list(chain.from_iterable(scores))

    def close(self) -> None:
        """Kill the processes."""
        for process in self._processes:
            process.stop()

    def _compare_chunk(self, pairs: Sequence[Pair], deadline: float) -> list[float]:
        process = self._idle.get()
        try:
            return process.compare(pairs, deadline)
        finally:
            self._idle.put(process)


class _Process:
    """One process of ``math_worker``, started when needed and again after it has died."""

    def __init__(self) -> None:
        self._running: subprocess.Popen[str] | None = None

    def compare(self, pairs: Sequence[Pair], deadline: float) -> list[float]:
        """The scores of the pairs; whatever happens to one, the others get theirs."""
        scores: list[float] = []
        tried_again = -1
        try:
            while len(scores) < len(pairs):
                scores += self._ask(pairs[len(scores) :], deadline)
                if len(scores) == len(pairs):
                    break
                # The process is dead, and the next pair is what it died of, unless it was killed.
                if self.stop() == math_worker.OVERDUE or tried_again == len(scores):
                    scores.append(0.0)
                else:
                    tried_again = len(scores)
        except BaseException:
            self.stop()  # Else the next caller would read the answers to these pairs.
            raise
        return scores

    def stop(self) -> int | None:
        """Kill the process, if there is one, and return its exit status."""
        if self._running is None:
            return None
        process, self._running = self._running, None
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdout.close()
        process.kill()
        with suppress(BrokenPipeError):
            process.stdin.close()
        return process.wait()

    def _ask(self, pairs: Sequence[Pair], deadline: float) -> list[float]:
        """The scores of the first pairs: of all, unless the process dies."""
        process = self._start()
        assert process.stdin is not None
        assert process.stdout is not None
        with suppress(BrokenPipeError):  # Nothing will come back, then.
            process.stdin.write(json.dumps([deadline, pairs]) + "\n")
            process.stdin.flush()
        return [float(line) for line in islice(process.stdout, len(pairs))]

    def _start(self) -> subprocess.Popen[str]:
        """The running process, or a new one that is ready."""
        if self._running is None:
            # -P: the neighbours of the script must not hide packages of the same name.
            self._running = subprocess.Popen(
                [sys.executable, "-P", math_worker.__file__],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            assert self._running.stdout is not None
            if not self._running.stdout.readline():
                # It is installed, but cannot be loaded; its error output says why.
                raise missing_extra("a working math-verify", "math")
        return self._running
