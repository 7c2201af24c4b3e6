"""``tool-plans``: a request in words, answered by a plan of tool calls as JSON.

One worked example, skill ``reverse+upper`` at level 0: prompt ``Reverse "cat". Capitalise it.
Plan:``, target ``[{"id":0,"name":"reverse","args":{"text":"cat"}},{"id":1,"name":"upper","args":
{"text":"<node-0>.text"}}]``. The form is that of m&m's (``tool_graphs``), the tools are small and
really run (``toolbox``), a skill is a tuple of tools as in DataEnvGym's environment for m&m's, and
everything is made from a seed.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from teachgym.errors import ConfigError
from teachgym.metrics import precision_recall_f1
from teachgym.shown import shown
from teachgym.tasks.cells import Source
from teachgym.tasks.procedural import Numbers
from teachgym.tasks.tool_graphs import (
    Node,
    arguments,
    expressions,
    read_plan,
    run_plan,
    sources,
    write_json,
    write_plan,
)
from teachgym.tasks.tool_requests import (
    LEVELS,
    draw_plan,
    put_in_words,
    read_request,
    skill_of,
    skills,
)
from teachgym.tasks.tool_task import ToolTask
from teachgym.tasks.toolbox import TOOLS, ToolError, Value
from teachgym.types import NOT_MEASURED, Brief, Draft, Example, Grade, Prediction, Score

_TOOLS = "\n".join(tool.signature for tool in TOOLS.values())
_FORM = (
    'A plan is a JSON list such as [{"id":0,"name":"reverse","args":{"text":"cat"}},'
    '{"id":1,"name":"upper","args":{"text":"<node-0>.text"}}], in which <node-0>.text stands for '
    "the text that node 0 gave."
)
BRIEF = Brief(
    domain="requests for plans of tool calls",
    problem=(
        "A request in words that says which tools to call on what, with every text in double "
        f"quotes, and with every number and list that a call needs. The tools are:\n{_TOOLS}"
    ),
    solution="",
    answer=f"The plan. {_FORM}",
)


Request = tuple[str, tuple[Node, ...]]
"""A request in words, and its plan."""


class ToolPlans(ToolTask[Request]):
    """Plans of one to three calls of thirteen typed tools, requested in words.

    A plan is right if its calls are those of the target, each given the same, in whatever order
    and with whatever ids. ``runs`` is whether the plan can be carried out, ``result`` whether it
    then gives what the target gives. The metrics are those of m&m's (arXiv 2403.11085, section 4).
    Its labels of arguments are whole calls with all that they are given, in lower case; here each
    argument is one, as it is written, and a reference is what it refers to. Its macro average is
    over all tools; here it is over those that are wanted or called.
    """

    name = "tool-plans-v0"
    skills, levels, brief = skills(), LEVELS, BRIEF
    introduction = f"Plan which tools to call. There are:\n{_TOOLS}\n{_FORM}\n\n"
    ask = " Plan:"

    def draw(self, skill: str, level: int, numbers: Numbers) -> Request:
        """A request with its plan."""
        nodes = draw_plan(skill.split("+"), level, numbers)
        return put_in_words(nodes, level, numbers), nodes

    def identity(self, drawn: Request) -> str:
        """The request."""
        return drawn[0]

    def write(
        self, skill: str, drawn: Request, *, id: str, source: Source, difficulty: float
    ) -> Example:
        """The request as a prompt, and its plan."""
        request, nodes = drawn
        return Example(self.prompt_of(request), write_plan(nodes), skill, id, source, difficulty)

    def grade(self, example: Example, response: str) -> float | Grade:
        """1 if the plan equals that of the target; nan if the target is no plan."""
        if (wanted := read_plan(example.target)) is None:
            return NOT_MEASURED
        said = read_plan(response)
        results = _result(wanted), _result(said or ())
        parts = {"runs": float(results[1] is not None), "result": float(results[0] == results[1])}
        return Grade(float(said is not None and _are_the_same(said, wanted)), parts)

    def metrics(self, predictions: Sequence[Prediction]) -> dict[str, Score]:
        """Accuracy of plans, precision, recall and F1 of tools, and F1 of arguments.

        ``plan_accuracy`` is the share of plans with the tools of the target in its order.
        """
        measured = [p for p in predictions if not math.isnan(p.score)]
        said = {p.response: read_plan(p.response) or () for p in measured}
        tools = precision_recall_f1(
            measured,
            lambda e: _names(read_plan(e.target) or ()),
            lambda p: _names(said[p.response]),
            average="macro",
        )
        given = precision_recall_f1(
            measured,
            lambda e: arguments(read_plan(e.target) or ()),
            lambda p: arguments(said[p.response]),
        )
        plans = (
            float(_names(said[p.response]) == _names(read_plan(p.example.target) or ()))
            for p in measured
        )
        return {
            "plan_accuracy": Score.of(plans),
            **{f"tool_{name}": score for name, score in tools.items()},
            "argument_f1": given["f1"],
        }

    def verify(self, example: Example) -> float:
        """1 if the target is a plan of the skill that makes the calls that the prompt asks for.

        Of a request in other words than the task's own (``read_request``), it is enough that the
        plan uses only the texts, numbers and lists that are in it.
        """
        nodes = read_plan(example.target)
        if nodes is None or skill_of(nodes) != example.skill or _result(nodes) is None:
            return 0.0
        request = self.request_of(example.prompt)
        if (asked := read_request(request)) is not None:
            return float(_are_the_same(nodes, asked))
        literals = [v for n in nodes for v in n.args.values() if sources(v) is None]
        return float(all(_is_said(write_json(value), request) for value in literals))

    def compose(self, draft: Draft, skill: str, difficulty: float | None) -> Example:
        """The example with the request as prompt and its plan as target.

        Raises:
            ConfigError: for a draft without a request, or whose answer is no plan.
        """
        request = self.request_of(draft.problem)
        nodes = read_plan(draft.answer)
        if not request or nodes is None:
            raise ConfigError(
                f"a draft needs a request and a plan, got {shown(draft.problem, 80)} and "
                f"{shown(draft.answer, 80)}"
            )
        plain = replace(draft, problem=self.prompt_of(request), answer=write_plan(nodes))
        return super().compose(plain, skill, difficulty)


def _are_the_same(nodes: Sequence[Node], others: Sequence[Node]) -> bool:
    """Whether two plans make the same calls, in whatever order and with whatever ids."""
    return Counter(expressions(nodes)) == Counter(expressions(others))


def _is_said(literal: str, request: str) -> bool:
    """Whether a value is in a request, and not as a part of a longer number or word."""
    return re.search(rf"(?<!\w){re.escape(literal)}(?!\w)", request) is not None


def _names(nodes: Sequence[Node]) -> tuple[str, ...]:
    return tuple(node.name for node in nodes)


def _result(nodes: Sequence[Node]) -> Value | None:
    """The final result of a plan; None if there is none or it cannot be carried out."""
    try:
        return run_plan(nodes)[-1] if nodes else None
    except ToolError:
        return None
