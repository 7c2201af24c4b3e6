"""A stand-in for a chat model that repairs queries by trying edits, but only a few.

It knows the forms of mistakes, and nothing of what the words of an exercise mean: it tries edits
until one gives the rows that the exercise calls right. A plan says which pieces are to be edited.
Use it as ``--chat python --chat-model teachgym.benchmarks.bench.scripted_queries:answer``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, islice
from typing import Any

import numpy as np

from teachgym.benchmarks.bench.scripted_reading import SOLVE
from teachgym.benchmarks.bench.scripted_writing import generator
from teachgym.errors import ChatError
from teachgym.sandbox.queries import database
from teachgym.tasks.broken_queries import read_exercise, write_rows
from teachgym.tasks.query_repairs import KINDS, Query, edits, kinds_between, read_sql
from teachgym.types import Messages

_PLAN = re.compile(
    r"^The exercise:\n(`{3,})\n(.*?)\n\1\n\nThe right answer:\n(`{3,})\n(.*?)\n\3$",
    re.MULTILINE | re.DOTALL,
)
_STEP = re.compile(r"^Correct the (\w+)\.$", re.MULTILINE)


@dataclass(frozen=True)
class ScriptedRepairs:
    """Plans and repairs ``broken-queries``; call it like a chat model."""

    candidates: int = 4
    """Edits that are tried for an answer, >= 1; the last one is given where none does it."""

    def __call__(self, messages: Messages, schema: Mapping[str, Any] | None, draw: int) -> str:
        """The plan or the query that is asked for.

        Raises:
            ChatError: for any other question.
        """
        question = messages[-1]["content"]
        if (asked := _PLAN.search(question)) and (plan := _plan(asked[2], asked[4])):
            return json.dumps({"items": [{"plan": plan}]})
        if asked := SOLVE.search(question):
            kinds = [kind for kind in _STEP.findall(question) if kind in KINDS]
            query = self._repair(asked[2], kinds, generator(question, draw))
            return json.dumps({"items": [{"answer": query}]})
        raise ChatError(f"the scripted writer has no answer to {question[:200]!r}")

    def _repair(self, problem: str, kinds: Sequence[str], rng: np.random.Generator) -> str:
        """The first edit that gives the right rows, or the last one that is tried."""
        if (exercise := read_exercise(problem)) is None:
            raise ChatError(f"the scripted writer repairs queries, and no {problem[:200]!r}")
        sql = exercise.broken.sql
        with database(exercise.tables) as run:
            for query in islice(_candidates(exercise.broken, kinds, rng), self.candidates):
                sql = query.sql
                if f"\nRight: {write_rows(run(sql))}.\n" in problem:
                    break
        return sql


def _candidates(broken: Query, kinds: Sequence[str], rng: np.random.Generator) -> Iterator[Query]:
    """Edits of all of these kinds by chance; without any, those of one kind, then of two, ..."""
    several = [[kinds]] if kinds else [combinations(KINDS, n + 1) for n in range(len(KINDS))]
    for alike in several:
        pool = [query for chosen in alike for query in edits(broken, chosen)]
        yield from (pool[place] for place in rng.permutation(len(pool)))


def _plan(problem: str, answer: str) -> str:
    """A step for each kind of mistake; empty if there is none to be seen."""
    exercise, fixed = read_exercise(problem), read_sql(answer)
    kinds = kinds_between(exercise.broken, fixed) if exercise and fixed else ()
    return "\n".join(f"Correct the {kind}." for kind in kinds)


answer = ScriptedRepairs()
"""Tries four edits: a third of all that change one piece."""
