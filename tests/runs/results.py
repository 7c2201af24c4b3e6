"""A result of a run of which a test decides what it is about."""

from __future__ import annotations

from typing import Any

from teachgym.runs.result import Comparison, RunResult
from teachgym.types import Cost


def result_of(exam: Comparison, word: str = "x", **own: Any) -> RunResult:
    """The result of two steps with ``exam`` on both splits, every text of it ``word``."""
    words = dict.fromkeys(("env", "task", "student", "teacher", "stop_reason"), word)
    numbers = {"seed": 0, "return_": 0.1, "steps": 2, "best_step": 1, "spent": Cost(), "curve": ()}
    return RunResult(**{**words, **numbers, "val": exam, "test": exam, **own})
