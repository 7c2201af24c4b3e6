"""``llm2llm``: new problems like the seeds that the student fails, training from scratch."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import numpy as np

from teachgym.agents.context import Classroom
from teachgym.agents.methods.exam import examine, probes_of, wrong
from teachgym.errors import BudgetError, ConfigError
from teachgym.settings import Few, Kept, at_most, checked
from teachgym.types import Data, Example, Order, Plan, Prediction, Transition


class LLM2LLM:
    """Orders a problem for every seed that the student fails after training on all data.

    Lee et al. 2024 (arXiv 2403.15042), algorithm 1. The first step orders the seeds D_0. In step
    i the student, trained from its base weights on all data so far (``training="scratch"``), takes
    an exam on the seeds, and each one it fails is ordered to be varied::

        E_i = {x in D_0: student_i(x) is wrong}      D_{i+1} = D_i + engine(E_i)

    What was made is never varied in its turn, so a step adds at most ``per_seed * |D_0|``.

    Differences:

    * Who varies a seed is an engine: ``similar``, which makes another exercise of its skill and
      level and turns away what is too much like others, or ``llm`` with ``style="similar"``.
    * Where a step has no room for all that is wrong, chance says which seeds wait.

    Args:
        classroom: the task without its held-out splits; its training pool holds the seeds.
        seeds: how many, at most as many as a step has examples; spread evenly over the skills.
        per_seed: problems for each wrong seed.
        targeted: False = as many seeds as are wrong, drawn by chance: what looking at errors is
            worth.
        hints: whether orders carry the student's wrong answer, for an engine that shows it; with
            that, and without ``training="scratch"``, it is the exam of Learn-to-Reason (arXiv
            2310.13332), which has each failed question answered anew.
        source: the engine that hands in the seeds.
        engine: the engine that varies them; empty = the environment's default.
    """

    name = "llm2llm"

    @checked
    def __init__(
        self,
        classroom: Classroom,
        *,
        seeds: Kept | None = None,
        per_seed: Few = 1,
        targeted: bool = True,
        hints: bool = False,
        source: str = "pool",
        engine: str = "",
    ) -> None:
        if not classroom.syllabus.train:
            raise ConfigError("the task has no training examples, which are the seeds of llm2llm")
        self.classroom, self.targeted, self.hints = classroom, targeted, hints
        self.n_seeds = at_most("seeds", seeds or classroom.per_step, classroom.per_step)
        self.per_seed = at_most("per_seed", per_seed, classroom.per_step)
        self.source, self.engine = source, engine
        self.reset(0)

    def reset(self, seed: int) -> None:
        """Forget the seeds."""
        self._rng = np.random.default_rng(seed)
        self._seeds: Data = ()
        self._wrong: dict[str, Prediction] = {}

    def act(self, observation: Any) -> Plan:
        """Order the seeds first, then variations of the failed ones."""
        if not self._seeds:
            probes_of(self.classroom)  # Before anything is spent.
            return self.classroom.order_evenly(self.n_seeds, self._rng, self.source)
        with suppress(BudgetError):  # What cannot be paid leaves what is known.
            answers = wrong(examine(self.classroom, self._seeds))
            self._wrong = {answer.example.identity: answer for answer in answers}
        pool = [e for e in self._seeds if e.identity in self._wrong or not self.targeted]
        count = min(len(self._wrong), self.classroom.per_step // self.per_seed)
        chosen = sorted(self._rng.permutation(len(pool))[:count].tolist())
        return Plan(tuple(self._vary(pool[place]) for place in chosen))

    def observe(self, transition: Transition) -> None:
        """Take the first training examples as the seeds."""
        if not self._seeds:
            self._seeds = tuple(transition.info["data"])

    def _vary(self, seed: Example) -> Order:
        answer = self._wrong.get(seed.identity)
        hint = answer.response if self.hints and answer else ""
        return Order(seed.skill, self.per_seed, seed.difficulty, hint, (seed.id,), self.engine)
