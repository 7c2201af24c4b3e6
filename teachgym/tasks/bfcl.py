"""``bfcl``: function calls for questions, graded by the AST check of the BFCL.

Source: Patil et al. 2025, "The Berkeley Function Calling Leaderboard (BFCL): From Tool Use to
Agentic Evaluation of Large Language Models", ICML 2025. Read are the files of the package
bfcl-eval (Apache-2.0), which is neither imported nor needs what it depends on: ``pip install
--no-deps bfcl-eval``.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, get_args

from teachgym.errors import ConfigError, MissingExtraError
from teachgym.settings import CountFromOne, Share, checked
from teachgym.shown import shown
from teachgym.tasks.function_calls import (
    LISTS,
    TYPES,
    calls_match,
    exact_answer,
    expected_call,
    read_calls,
    write_calls,
)
from teachgym.tasks.problem_splits import Problem, ProblemsTask, draw
from teachgym.tasks.question_answer_files import Row, package_data, read_json_lines
from teachgym.types import NOT_MEASURED, Brief, Draft, Example, Grade, Skill, freeze, thaw

VERSION = "bfcl-v0"
Category = Literal["simple", "multiple", "parallel", "irrelevance"]
CATEGORIES: Mapping[Category, str] = {
    "simple": "One function is offered, and one call is right.",
    "multiple": "Several functions are offered, and one call is right.",
    "parallel": "One function is offered, and several calls are right.",
    "irrelevance": "No function that is offered helps, so no call is right.",
}

INSTRUCTION = (
    "Answer the question by calls of the functions, in the form "
    "[name(parameter=value, ...), name(parameter=value, ...)] and without anything else. "
    "If no function helps, answer []."
)
_FUNCTIONS, _QUESTION, _CALLS = "Functions:\n", "\n\nQuestion:\n", "\n\nCalls:\n"

BRIEF = Brief(
    domain="questions that are answered by calling functions",
    problem=(
        f'First "{_FUNCTIONS.strip()}", then a line for each function on offer: JSON such as '
        '{"name": "area", "description": "...", "parameters": {"type": "dict", "properties": '
        '{"base": {"type": "integer", "description": "..."}}, "required": ["base"]}}. Types are '
        f'{", ".join(TYPES)}; of {" and ".join(LISTS)} "items" says the type of what is in them. '
        f'Then an empty line, "{_QUESTION.strip()}", and a question that says the value of every '
        "parameter that is needed."
    ),
    solution="",
    answer="The calls, as Python writes them, such as [area(base=10), area(base=5)].",
)


@checked
@dataclass(eq=False, repr=False, kw_only=True)
class Bfcl(ProblemsTask):
    """Questions answered by function calls: the Berkeley Function Calling Leaderboard.

    Four of its categories are the skills: ``simple``, ``multiple``, ``parallel`` and
    ``irrelevance``, of Python. The leaderboard measures all items of a category; here some are
    taught from, so figures are of fewer. Its check is followed (``function_calls``) but for
    irrelevance, where it counts whatever cannot be read as a call, such as no answer at all.

    The part ``functions`` of a grade is whether the right functions are called, as often as is
    right, whatever their arguments.

    Raises:
        MissingExtraError: without ``path``, if bfcl-eval is not installed.
        ConfigError: for files that are not there, cannot be read or are damaged, an empty split,
            or a setting out of range.
    """

    brief, stop = BRIEF, ("\n\n",)

    path: str | None = None
    """The folder of files such as ``BFCL_v4_simple_python.json`` with ``possible_answer`` in it;
    None = that of the package bfcl-eval."""
    categories: Sequence[Category] = get_args(Category)
    """The categories to measure."""
    accept_silence: bool = False
    """Whether, as in BFCL, whatever is no call is right where none is. Otherwise ``[]`` has to be
    said."""
    val_per_skill: CountFromOne = 20
    """Validation items of each category, >= 1."""
    test_share: Share = 0.5
    """The share of each category that is ``test``, in (0, 1)."""

    def __post_init__(self) -> None:
        folder = Path(self.path).expanduser() if self.path is not None else _installed()
        if not self.categories:
            raise ConfigError(f"categories is empty; give some of {', '.join(CATEGORIES)}")
        test: list[Problem] = []
        rest: list[Problem] = []
        for category in dict.fromkeys(self.categories):
            own = list(_problems(folder, category))
            drawn = draw(own, round(self.test_share * len(own)), self.seed)
            places = {problem.id for problem in drawn}
            test += drawn
            rest += [problem for problem in own if problem.id not in places]
        if not test:
            raise ConfigError(f"test is empty; test_share is {self.test_share}, raise it")
        self.skills = tuple(
            Skill(name, None, CATEGORIES[name]) for name in dict.fromkeys(self.categories)
        )
        self._examples = self.divide(VERSION, (rest, test), self.val_per_skill).examples()

    def grade(self, example: Example, response: str) -> Grade:
        """1 for the right calls, in any order; 0 for others, and for what cannot be read.

        Not measured for an example that does not say in its ``meta`` what is right.
        """
        functions, possible = (thaw(example.meta.get(name)) for name in ("functions", "possible"))
        if _fault(functions, possible) is not None:
            return Grade(NOT_MEASURED)
        calls = read_calls(response)
        if calls is None:
            silence = float(self.accept_silence and not possible)
            return Grade(silence, {"functions": silence})
        names = Counter(name for answer in possible for name in answer)
        right = calls_match(calls, functions, possible)
        return Grade(float(right), {"functions": float(Counter(c.name for c in calls) == names)})

    def compose(self, draft: Draft, skill: str, difficulty: float | None) -> Example:
        """The example with the functions and the question in the prompt, and the calls as target.

        Raises:
            ConfigError: for a draft whose problem has no functions in the form of the data set or
                no question, or whose answer is no list of calls of them.
        """
        _, _, body = draft.problem.rpartition(_FUNCTIONS)
        lines, _, question = body.removesuffix(_CALLS).partition(_QUESTION)
        calls = read_calls(draft.answer)
        try:
            functions = [json.loads(line) for line in lines.splitlines() if line.strip()]
        except (ValueError, RecursionError) as error:
            raise ConfigError(f"a draft has functions that are not JSON: {error}") from None
        if not functions or not question.strip() or calls is None:
            raise ConfigError(
                f"a draft needs functions, a question and calls, got {shown(draft.problem, 80)} "
                f"and {shown(draft.answer, 80)}"
            )
        possible = list(map(exact_answer, calls))
        if (fault := _fault(functions, possible)) is not None:
            raise ConfigError(f"a draft is not as the data set is: {fault}")
        prompt = _prompt(functions, question.strip())
        plain = replace(draft, problem=prompt, answer=write_calls(calls))
        example = super().compose(plain, skill, difficulty)
        return replace(example, meta={"functions": functions, "possible": possible})


def _installed() -> Path:
    """The folder of files of the package bfcl-eval."""
    if (folder := package_data("bfcl_eval")) is None:
        raise MissingExtraError(
            "bfcl-eval is not installed; install it with: pip install --no-deps bfcl-eval "
            "(only its files are read), or name a folder that has them with path"
        )
    return folder


def _file(folder: Path, category: str) -> Path:
    """The file of a category: of the newest version, where there are several."""
    form = re.compile(rf"BFCL_v(\d+)_{category}(_python)?\.json")
    found = [(int(m[1]), p) for p in folder.glob("*.json") if (m := form.fullmatch(p.name))]
    if not found:
        raise ConfigError(
            f"{folder} has no file such as BFCL_v4_{category}.json; give the folder of the data of "
            "bfcl-eval with path"
        )
    return max(found)[1]


def _problems(folder: Path, category: Category) -> Iterator[Problem]:
    """The items of a category."""
    path = _file(folder, category)
    answers: dict[str, Row] = {}
    if category != "irrelevance":
        answers = {
            row.text("id"): row
            for row in read_json_lines(path.parent / "possible_answer" / path.name)
        }
    for row in read_json_lines(path):
        item, functions, question = row.text("id"), row.value("function"), _question(row)
        if category != "irrelevance" and item not in answers:
            raise ConfigError(f"{row.where}: there is no possible answer for {item!r}")
        possible = answers[item].value("ground_truth") if answers else []
        if (fault := _fault(functions, possible)) is not None:
            raise ConfigError(f"{row.where}: {fault}")
        yield Problem(
            f"{VERSION}/{item}",
            _prompt(functions, question),
            write_calls([expected_call(answer) for answer in possible]),
            category,
            cell=category,
            meta=freeze({"functions": functions, "possible": possible}),
        )


def _question(row: Row) -> str:
    """The messages of the only turn."""
    try:
        (messages,) = row.value("question")
        return "\n".join(message["content"] for message in messages).strip()
    except (TypeError, ValueError, KeyError):
        raise ConfigError(
            f"{row.where}: the question is {shown(row.value('question'), 80)}; it must be a "
            "list of one list of messages with content"
        ) from None


def _fault(functions: Any, possible: Any) -> str | None:
    """The fault in the form of functions or possible answers; None = none."""
    if not isinstance(functions, list) or not functions:
        return f"functions are {shown(functions, 80)}; they must be a list"
    for function in functions:
        if not _is_function(function):
            return (
                f"a function is {shown(function, 120)}; it must have a name, and parameters with "
                f"required names and properties of the types {', '.join(TYPES)}"
            )
    if not isinstance(possible, list):
        return f"the possible answer is {shown(possible, 80)}; it must be a list"
    names = {function["name"] for function in functions}
    for answer in possible:
        if not (
            isinstance(answer, dict)
            and len(answer) == 1
            and names.issuperset(answer)
            and all(map(_are_options, answer.values()))
        ):
            return (
                f"a possible answer is {shown(answer, 120)}; it must map the name of a function to "
                "lists of values by parameter"
            )
    return None


def _is_function(function: Any) -> bool:
    if not isinstance(function, dict) or not isinstance(function.get("name"), str):
        return False
    parameters = function.get("parameters")
    if not isinstance(parameters, dict) or not _are_texts(parameters.get("required")):
        return False
    properties = parameters.get("properties")
    return isinstance(properties, dict) and all(map(_is_typed, properties.values()))


def _is_typed(schema: Any) -> bool:
    """Whether it is of a known type, and what is in a list too."""
    if not isinstance(schema, dict) or not _are_texts([schema.get("type")]):
        return False
    if schema["type"] in LISTS:
        return _is_typed(schema.get("items"))
    return schema["type"] in TYPES


def _are_texts(names: Any) -> bool:
    return isinstance(names, list) and all(isinstance(name, str) for name in names)


def _are_options(parameters: Any) -> bool:
    """Whether each parameter has values that it may have, and so has each key of a table."""
    return isinstance(parameters, dict) and all(
        isinstance(options, list) and options and all(map(_is_option, options))
        for options in parameters.values()
    )


def _is_option(value: Any) -> bool:
    tables = [own for own in value if isinstance(own, dict)] if isinstance(value, list) else []
    return all(map(_are_options, [value] if isinstance(value, dict) else tables))


def _prompt(functions: Sequence[Any], question: str) -> str:
    lines = "\n".join(map(json.dumps, functions))
    return f"{INSTRUCTION}\n\n{_FUNCTIONS}{lines}{_QUESTION}{question}{_CALLS}"
