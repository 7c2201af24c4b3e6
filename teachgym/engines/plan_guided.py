"""``PlanGuidedEngine``: a chat model solves exercises by plans, which nobody learns from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from teachgym.chat.settings import Chat
from teachgym.engines.around import AroundEngine, is_in_text
from teachgym.engines.orders import fill
from teachgym.errors import ConfigError
from teachgym.gate import normalise
from teachgym.given import Given
from teachgym.settings import Few, checked
from teachgym.streams import Streams, draw_seed
from teachgym.types import Data, Draft, Example, Plan

_STEPS = {"plan": "At most five steps, one a line, each in three words or more."}
_FEWEST_WORDS = 3


@checked
@dataclass(frozen=True, eq=False, kw_only=True)
class PlanGuidedEngine(AroundEngine):
    """Has a chat model solve another engine's exercises, and keeps what the task calls right.

    The harvest by functional plans of Six-Gym (Li et al. 2025, arXiv 2506.18951): a teacher that
    sees the answer writes a plan, solves the exercise by the plan without the answer, and the
    plan is removed from what is kept. Differences: a solution is a text, where the paper has
    actions and what comes of them; and a plan is paid for like an attempt, so that both ways cost
    the same at most.

    Incidents: ``unplanned`` (no plan, or one with the answer in it), ``unsolved`` (no solution in
    the form of the task), ``unverified`` (a wrong one) and ``plan-told`` (one with a line of the
    plan in it).

    Raises:
        ConfigError: for a task of programs, or calls that are all for the plan.
    """

    name = "plan-guided"

    chat: Given[Chat]
    """The chat model that plans and solves."""
    planned: bool = True
    """Whether there are plans; False = all calls are for attempts."""
    calls: Few = 2
    """Calls for each exercise at most, one of them for the plan."""
    asker: Given[Any] = field(init=False, repr=False)
    """Asks the chat model, and pays."""

    def __post_init__(self) -> None:
        super().__post_init__()
        from teachgym.chat.structured import StructuredChat

        if self.calls <= self.planned:
            raise ConfigError("calls is 1, which is that for the plan; it must be at least 2")
        if self.task.brief.tests:
            raise ConfigError(
                f"engine {self.name!r} hands in answers without tests, and task "
                f"{self.task.name!r} needs some; choose another engine, or another task"
            )
        asker = StructuredChat.open(self.chat, f"engine {self.name!r}", self.meter)
        object.__setattr__(self, "asker", asker)

    def generate(self, plan: Plan, rng: np.random.Generator) -> Data:
        """At most ``order.count`` solved exercises per order.

        When nothing is left to pay with, or no more calls get through, it is what there is.

        Raises:
            ChatError: if no call got through and there is nothing at all.
        """
        streams = Streams(rng)
        made = fill(self.other, plan, streams.of("exercises"))
        exercises = [*enumerate(filter(is_in_text, made))]
        found: dict[int, Example] = {}
        at_once = self.asker.workers  # Else all means might go into plans.
        with suppress(_SilentError):
            for first in range(0, len(exercises), at_once):
                if self.asker.meter.exhausted():
                    break
                self._solve(dict(exercises[first : first + at_once]), streams, found)
        return tuple(found[place] for place in sorted(found))

    def _solve(
        self, exercises: Mapping[int, Example], streams: Streams, found: dict[int, Example]
    ) -> None:
        """Enter the exercises that the chat model solves, with its solutions, into ``found``."""
        plans = self._plans(exercises, streams, needed=not found)
        for _ in range(self.calls - self.planned):
            left = [place for place in plans if place not in found]
            asked = [(exercises[place], plans[place]) for place in left]
            attempts = self._attempts(asked, streams, needed=not found)
            for place, solved in zip(left, attempts, strict=True):
                if solved is not None:
                    found[place] = solved

    def _plans(
        self, exercises: Mapping[int, Example], streams: Streams, *, needed: bool
    ) -> dict[int, str]:
        """Plans by the places of their exercises; those without a usable one are left out."""
        if not self.planned:
            return dict.fromkeys(exercises, "")
        asked = [(e, {"question": e.prompt, "answer": e.target}) for e in exercises.values()]
        plans: dict[int, str] = {}
        replies = self._ask("plan", _STEPS, asked, streams, needed)
        for place, filled in zip(exercises, replies, strict=True):
            plan = filled.get("plan", "")
            if plan and not _has(plan, exercises[place].target):
                plans[place] = plan
            else:
                self.asker.note("unplanned", _for(exercises[place], plan))
        return plans

    def _attempts(
        self, exercises: Sequence[tuple[Example, str]], streams: Streams, *, needed: bool
    ) -> list[Example | None]:
        """A solution of each exercise by its plan; None if it cannot be kept."""
        from teachgym.engines.written import solution_fields

        skills = {skill.name: skill for skill in self.task.skills}
        asked = [
            (e, {"problem": e.prompt, "plan": plan, "skill": skills[e.skill], "shots": ()})
            for e, plan in exercises
        ]
        fields = solution_fields(self.task.brief, wrong=False)
        replies = self._ask("solve", fields, asked, streams, needed)
        return [self._checked(*one, r) for one, r in zip(exercises, replies, strict=True)]

    def _ask(
        self,
        prompt: str,
        fields: Mapping[str, str],
        asked: Sequence[tuple[Example, Mapping[str, Any]]],
        streams: Streams,
        needed: bool,
    ) -> list[dict[str, str]]:
        """The fields that the chat model fills in for each exercise; {} where there are none.

        Raises:
            ChatError: if no call got through, and one is needed.
            _SilentError: if no call got through.
        """
        from teachgym.chat.prompts import render
        from teachgym.chat.structured import ChatRequest
        from teachgym.engines.written import item_type

        shared = {"brief": self.task.brief, "fields": fields}
        requests = [
            ChatRequest(
                render("teachgym.engines", prompt, **shared, **own),
                draw_seed(streams.of("calls", exercise.identity)),
            )
            for exercise, own in asked
        ]
        replies = self.asker.ask(requests, item_type(fields), needed=needed)
        if len(replies) < len(requests):
            raise _SilentError
        return [items[0].model_dump() if items else {} for items in replies]

    def _checked(self, exercise: Example, plan: str, filled: Mapping[str, str]) -> Example | None:
        """The exercise with the solution; None, and a note, if it is wrong or tells the plan."""
        draft = Draft(exercise.prompt, filled.get("answer", ""), filled.get("solution", ""))
        try:
            made = self.task.compose(draft, exercise.skill, exercise.difficulty)
        except ConfigError:
            self.asker.note("unsolved", _for(exercise, draft.answer))
            return None
        solved = exercise.with_target(made.target)
        if not self.task.verify(solved) >= 1:
            self.asker.note("unverified", _for(exercise, made.target))
        elif tells(made.target, plan):
            self.asker.note("plan-told", _for(exercise, made.target))
        else:
            return solved
        return None


class _SilentError(Exception):
    """No call gets through any more."""


def tells(text: str, plan: str) -> bool:
    r"""Whether a line of the plan, of three words or more, stands in the text, however spelt.

    Example:
        >>> tells("SELECT 1 -- correct THE limit!", "1. Correct it.\n2. Correct the limit.")
        True
    """
    lines = [line.lstrip("0123456789.)-* ") for line in plan.splitlines()]
    return any(_has(text, line) for line in lines if len(line.split()) >= _FEWEST_WORDS)


def _has(text: str, part: str) -> bool:
    return f" {normalise(part)} " in f" {normalise(text)} "


def _for(exercise: Example, text: str) -> str:
    return f"{text!r:.200} for {exercise.prompt!r:.200}"
