"""Stand-ins for chat models that teach well, badly or wrongly, to compare teachers offline.

They know how to write any exercise of their subject, and nothing of the student but
what a prompt says. They read mistakes like a teacher: an answer that is nearly right is within
reach, one that has nothing of the right answer is not. What is ordered is in proportion to how
near the mistakes are, all added up. Shown no mistakes but training examples, they have nothing to
go by but how often each kind is shown. So the difference between With State and No State is what
the student's errors tell a competent teacher; but in Skill-Tree, where No State is a coin that
asks nobody (``teachgym.agents.llm.skill_tree``).
Use one as ``--chat python --chat-model teachgym.benchmarks.bench.scripted_teacher:answer``.
"""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from teachgym.benchmarks.bench.scripted_reading import (
    MEND,
    SOLVE,
    Mistake,
    nearness,
    one_each,
    read_exercises,
    read_mistakes,
)
from teachgym.benchmarks.bench.scripted_writing import (
    ARITHMETIC_AND_STRINGS,
    PROGRAMS,
    SHAPES,
    TOOL_PLANS,
    WORD_PROBLEMS,
    Items,
    Subject,
    level_of,
    solve_item,
    write_items,
)
from teachgym.errors import ChatError
from teachgym.types import Messages

_WRITE = re.compile(r"^Write (\d+) new items? for this skill: (\S+)$", re.MULTILINE)
_DIFFICULTY = re.compile(r"^Difficulty: [a-z ]+ \(([\d.]+),", re.MULTILINE)
_PLAN = re.compile(r"^Plan (\d+) (?:more )?training examples", re.MULTILINE)
_PART = re.compile(r"^All counts of all items together are (\d+)\.$", re.MULTILINE)
_ROOT = re.compile(r"^The skill: ([^\s:]+)", re.MULTILINE)
_SUBSKILL = re.compile(r"^- (\S+)(?: \(under \S+\))?: \S+ examples per step now", re.MULTILINE)
_ROOM = re.compile(r"^There is room for (\d+) more subskills\.$", re.MULTILINE)

_PER_WEIGHT = 100
"""Examples that a root asks for per unit of weight: far more than there are, so that what it gets
is its proportion of what all roots ask for."""


@dataclass(frozen=True)
class ScriptedTeacher:
    """Answers the prompts of the ``llm`` teachers and their writer; call it like a chat model."""

    weigh: Callable[[Mistake], float] = nearness
    """The weight of a mistake, > 0."""
    reason: str = "answers that are nearly right, added up"
    """The reason for the weight."""
    wrong: float = 0.0
    """The chance that an answer it writes is wrong, in [0, 1]."""
    subject: Subject = ARITHMETIC_AND_STRINGS
    """The subject that it teaches."""

    def __call__(self, messages: Messages, schema: Mapping[str, Any] | None, draw: int) -> str:
        """The reply to the question of a teacher or its writer.

        Raises:
            ChatError: for any other question.
        """
        return json.dumps({"items": self._items(messages[-1]["content"], draw)})

    def _items(self, question: str, draw: int) -> Items:
        source: dict[str, Any] = {"question": question, "draw": draw, "wrong": self.wrong}
        if order := _WRITE.search(question):
            level = _DIFFICULTY.search(question)
            difficulty = float(level[1]) if level else None
            return write_items(self.subject, int(order[1]), order[2], difficulty, **source)
        if problem := SOLVE.search(question) or MEND.search(question):
            return solve_item(self.subject, problem[2], **source)
        if wanted := _PLAN.search(question):
            return self._plan_skills(int(wanted[1]), question)
        if part := _PART.search(question):
            return self._plan_levels(int(part[1]), question)
        if (root := _ROOT.search(question)) and _SUBSKILL.search(question):
            return [self._move(root[1], question)]
        raise ChatError(f"the scripted teacher has no answer to {question[:200]!r}")

    def _plan_skills(self, count: int, question: str) -> Items:
        """Open-Ended: orders by skill."""
        weights: Mapping[str, float] = self._weights(question)
        reason = self.reason
        if not weights:
            weights = Counter(skill for skill, _ in read_exercises(question))
            reason = "exercises shown"
        total = sum(weights.values())
        return [
            {
                "skill": skill,
                "weakness": f"{weight:.1f} of {total:.1f} {reason}",
                "practise": f"exercises of {skill} at every level",
                "count": round(count * weight / total),
            }
            for skill, weight in weights.items()
        ]

    def _plan_levels(self, count: int, question: str) -> Items:
        """Skill-List, where every skill has its part: orders by level; of any where none shows."""
        weights: defaultdict[float | None, float] = defaultdict(float)
        for mistake in read_mistakes(question):
            level = level_of(self.subject, mistake.skill, mistake.problem)
            weights[level] += self.weigh(mistake)
        if not weights:
            shown = read_exercises(question)
            weights.update(Counter(level_of(self.subject, *exercise) for exercise in shown))
        weights = weights or defaultdict(float, {None: 1.0})
        total = sum(weights.values())
        specs = [
            {
                "practise": "exercises of this level",
                "count": round(count * weight / total),
                "difficulty": level,
            }
            for level, weight in weights.items()
        ]
        return [{"hypothesis": self.reason, "specs": specs}]

    def _move(self, root: str, question: str) -> dict[str, Any]:
        """Skill-Tree: explore where mistakes are of no known subskill, or else exploit."""
        weights, known = self._weights(question), _SUBSKILL.findall(question)
        unknown = {skill: weight for skill, weight in weights.items() if skill not in known}
        room = _ROOM.search(question)
        if unknown and room:
            each = _PER_WEIGHT * sum(unknown.values()) / len(unknown)
            return {
                "reasoning": f"mistakes of {len(unknown)} kinds that nobody has practised",
                "action": "explore",
                "skill": root,
                "new_subskills": min(len(unknown), int(room[1])),
                "examples_for_new": round(each),
            }
        shares = [
            {"subskill": name, "examples": round(_PER_WEIGHT * weights.get(name, 0.0))}
            for name in known
        ]
        return {"reasoning": self.reason, "action": "exploit", "allocation": shares}

    def _weights(self, question: str) -> dict[str, float]:
        """The sum of the weights of each skill's mistakes, in the order of the question."""
        weights: defaultdict[str, float] = defaultdict(float)
        for mistake in read_mistakes(question):
            weights[mistake.skill] += self.weigh(mistake)
        return weights


answer = ScriptedTeacher()
"""Teaches well: what is nearly right is within reach."""

answer_weakly = ScriptedTeacher(one_each, "answers that are wrong, counted")
"""Counts mistakes and does not read them, so most of its data is for what is out of reach."""

answer_wrongly = ScriptedTeacher(wrong=0.3)
"""Plans as well as ``answer``, but three of ten answers that it writes are wrong."""

word_problems = ScriptedTeacher(subject=WORD_PROBLEMS)
programs = ScriptedTeacher(subject=PROGRAMS)
tool_plans = ScriptedTeacher(subject=TOOL_PLANS)
"""These teach as well as ``answer``, the tasks of their names."""

shapes = replace(answer_weakly, subject=SHAPES)
"""Counts mistakes: an answer is one word there, so none is nearly right."""
