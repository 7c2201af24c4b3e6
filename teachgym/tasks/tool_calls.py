"""``tool-calls``: conversations with tools, one call a turn, some of which fail at first.

One worked example, skill ``reverse`` at level 0.5: to ``Open note kqz. Reverse it. Call:`` the
student says ``{"name":"open","args":{"note":"kqz"}}``, is told ``"cat"``, says
``{"name":"reverse","args":{"text":"cat"}}``, is told ``error: reverse is busy, call it again``,
says the same again, is told ``"tac"``, and says ``{"answer":"tac"}``. What a note holds stands
nowhere in the prompt, so there is nothing to answer without a call.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any, NamedTuple

from teachgym.errors import ConfigError
from teachgym.metrics import precision_recall_f1
from teachgym.shown import shown
from teachgym.tasks.cells import Source
from teachgym.tasks.procedural import Numbers
from teachgym.tasks.tool_graphs import read_json, run_plan, write_json
from teachgym.tasks.tool_replies import (
    ERROR,
    OPEN,
    conversation,
    give,
    is_answer,
    needed_calls,
    read_response,
    reply,
)
from teachgym.tasks.tool_requests import draw_name, draw_plan, put_in_words
from teachgym.tasks.tool_task import ToolTask
from teachgym.tasks.toolbox import TOOLS, ToolError
from teachgym.types import (
    NOT_MEASURED,
    Brief,
    Draft,
    Example,
    Grade,
    Prediction,
    Score,
    Skill,
    Turn,
)

LEVELS = (0.0, 0.5, 1.0)
"""Nothing goes wrong; the note has moved, or a tool is busy; both, one after the other."""

SKILLS = {
    "one-step": ("reverse", "upper", "count", "codes", "roman", "square", "digits", "sort"),
    "two-steps": (
        *("reverse+upper", "upper+join", "codes+sum", "codes+max"),
        *("count+minus", "digits+sort", "square+digits", "roman+count"),
    ),
}
"""The tools that follow ``open``, in the order of their calls, by root skill."""

_TOOLS = "\n".join(
    ["open(note: text) -> what the note holds", *(tool.signature for tool in TOOLS.values())]
)
_FORM = (
    'A call is JSON such as {"name":"reverse","args":{"text":"cat"}}, one at a time; the reply is '
    'what the tool gives, or why it failed. The end is JSON such as {"answer":"tac"}.'
)
BRIEF = Brief(
    domain="requests that are fulfilled by calling tools one after the other",
    problem=(
        "A request in words to open a note, named by a few letters, and to call tools on what it "
        f"holds, which the request does not say. The tools are:\n{_TOOLS}"
    ),
    solution=(
        "The calls, a line each: the call, then => and what the tool gives, such as "
        '{"name":"reverse","args":{"text":"cat"}} => "tac". ' + _FORM
    ),
    answer="What the last call gives, as JSON.",
)


class Case(NamedTuple):
    """A request with everything that the student has to find out."""

    request: str
    result: Any
    meta: Mapping[str, Any]
    """``Example.meta``, from which replies and grades are made; see ``tool_replies``."""


class ToolCalls(ToolTask[Case]):
    """Requests that take two or three tool calls, one a turn, with errors to recover from.

    An item is right if the answer is. ``calls`` is the share of the necessary calls that were made
    and did not fail, ``recovered`` the share of errors after which the next call did not fail.
    Metrics are precision, recall and F1 of the tools called, means over tools, and the turns taken.

    Training examples have the whole conversation, errors included, so there is a loss on every
    call and on the answer, and none on what the tools say.
    """

    name = "tool-calls-v0"
    levels, brief = LEVELS, BRIEF
    introduction = f"Call tools, then answer. There are:\n{_TOOLS}\n{_FORM}\n\n"
    ask = " Call:"
    max_turns = 6
    skills = (
        Skill("one-step", None, "Open a note and call a tool."),
        Skill("two-steps", None, "Open a note and call two tools."),
        *(
            Skill(name, root, f"Open a note, then call {', then '.join(name.split('+'))}.")
            for root, names in SKILLS.items()
            for name in names
        ),
    )

    def draw(self, skill: str, level: int, numbers: Numbers) -> Case:
        """A request about a new note."""
        first, *others = draw_plan(skill.split("+"), 0, numbers)
        main, kind = TOOLS[first.name].takes[0]
        asked = (replace(first, args={**first.args, main: f"<node-0>.{kind}"}), *others)
        name, new = draw_name(numbers), draw_name(numbers, 4)
        one = ("moves", "busy")[numbers(2, 1)[0]]
        moves, busy = (level == 2 or (level == 1 and one == what) for what in ("moves", "busy"))
        note = new if moves else name
        given = run_plan((first, *others))
        calls = [{"name": OPEN, "args": {"note": note}}]
        for node, before in zip((first, *others), (first.args[main], *given), strict=False):
            main = TOOLS[node.name].takes[0][0]
            calls.append({"name": node.name, "args": {**node.args, main: before}})
        tools = skill.split("+")
        request = f"Open note {name}. {put_in_words(asked, min(level, 1), numbers)}"
        meta = {
            "calls": tuple(calls),
            "notes": {note: first.args[TOOLS[first.name].takes[0][0]]},
            "moved": {name: new} if moves else {},
            "busy": tools[numbers(len(tools), 1)[0]] if busy else "",
        }
        return Case(request, given[-1], meta)

    def identity(self, drawn: Case) -> str:
        """The request, which alone decides the split."""
        return drawn.request

    def write(
        self, skill: str, drawn: Case, *, id: str, source: Source, difficulty: float
    ) -> Example:
        """The request with the answer; for training, with the conversation before it."""
        example = Example(
            self.prompt_of(drawn.request),
            write_json({"answer": drawn.result}),
            skill,
            id,
            source,
            difficulty,
            meta=drawn.meta,
        )
        if id and not id.startswith("train/"):
            return example
        return replace(example, turns=tuple(conversation(example)))

    def respond(self, example: Example, turns: Sequence[Turn], response: str) -> str | None:
        """The tool's result or the reason of failure; None for an answer."""
        if len(turns) + 1 >= self.max_turns:
            return None
        return reply(example, [t.response for t in (*example.turns, *turns)], response)

    def grade(self, example: Example, response: str) -> Grade:
        """1 if the answer is that of the target."""
        return self.grade_conversations([example], [()], [response])[0]

    def grade_conversations(
        self,
        examples: Sequence[Example],
        turns: Sequence[Sequence[Turn]],
        responses: Sequence[str],
    ) -> list[Grade]:
        """1 if the answer is that of the target, whatever was called before."""
        return [
            _grade(example, (*example.turns, *said), response)
            for example, said, response in zip(examples, turns, responses, strict=True)
        ]

    def metrics(self, predictions: Sequence[Prediction]) -> dict[str, Score]:
        """Precision, recall and F1 of the called tools, and the number of turns."""
        tools = precision_recall_f1(
            predictions,
            lambda e: [needed["name"] for needed in needed_calls(e)],
            lambda p: [said["name"] for said in map(read_response, p.responses) if "name" in said],
            average="macro",
        )
        taken = (len(p.responses) for p in predictions if not math.isnan(p.score))
        figures = {f"tool_{name}": score for name, score in tools.items()}
        return {**figures, "turns": Score.of_repetitions(taken)}

    def verify(self, example: Example) -> float:
        """1 if the tools give the stated replies and the answer is the result of the last call."""
        calls = needed_calls(example)
        if "+".join(needed["name"] for needed in calls) != f"{OPEN}+{example.skill}":
            return 0.0
        try:
            result = [give(example, needed) for needed in calls][-1]
        except ToolError:
            return 0.0
        before = [turn.response for turn in example.turns]
        replies = [reply(example, before[:i], text) for i, text in enumerate(before)]
        answers = write_json(read_response(example.target)) == write_json({"answer": result})
        return float(answers and replies == [turn.reply for turn in example.turns])

    def compose(self, draft: Draft, skill: str, difficulty: float | None) -> Example:
        """The request, the calls of the solution as turns, and the answer.

        Raises:
            ConfigError: for a draft without a request or an answer in JSON, or a solution that is
                not made of calls with what they give.
        """
        request = self.request_of(draft.problem)
        try:
            turns = [_turn(line) for line in draft.solution.splitlines() if line.strip()]
            answer = read_json(draft.answer.strip(), "")
        except ValueError as error:
            raise ConfigError(
                f"a draft needs calls with what they give, and an answer in JSON: {error}"
            ) from None
        if not request or not turns:
            raise ConfigError(f"a draft needs a request and calls, got {shown(draft, 200)}")
        given = [
            (read_response(t.response), t.reply) for t in turns if not t.reply.startswith(ERROR)
        ]
        notes = {c["args"].get("note"): read_json(r, "") for c, r in given if c["name"] == OPEN}
        return Example(
            self.prompt_of(request),
            write_json(answer if is_answer(answer) else {"answer": answer}),
            skill,
            difficulty=difficulty,
            turns=tuple(turns),
            meta={
                "calls": [c for c, _ in given],
                "notes": {str(name): held for name, held in notes.items()},
                "moved": {},
                "busy": "",
            },
        )


def _grade(example: Example, turns: Sequence[Turn], response: str) -> Grade:
    said, wanted = read_response(response), read_response(example.target)
    if not is_answer(wanted):
        return Grade(NOT_MEASURED)
    failed = [turn.reply.startswith(ERROR) for turn in turns]
    made = {
        write_json(read_response(t.response))
        for t, bad in zip(turns, failed, strict=True)
        if not bad
    }
    needed = set(map(write_json, needed_calls(example)))
    after = [not bad for was_bad, bad in pairwise([*failed, True]) if was_bad]
    parts = {
        "calls": len(made & needed) / len(needed) if needed else NOT_MEASURED,
        "recovered": sum(after) / len(after) if after else NOT_MEASURED,
    }
    return Grade(float(write_json(said) == write_json(wanted)), parts)


def _turn(line: str) -> Turn:
    """A line ``CALL => WHAT IT GIVES`` as a turn."""
    text, arrow, given = line.partition("=>")
    said = read_response(text)
    if not arrow or "name" not in said:
        raise ValueError(f"{shown(line, 80)} is not CALL => WHAT IT GIVES")
    given = given.strip()
    return Turn(
        write_json(said), given if given.startswith(ERROR) else write_json(read_json(given, ""))
    )
