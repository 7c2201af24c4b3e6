"""``word-problems``: stories that end in a question, with 24 skills and one to six steps.

One worked example, skill ``fewer`` at level 0: prompt ``Ann has 12 pens. Ben is 5 pens short of
what Ann has. How many pens does Ben have?``, target ``12-5=7`` and, on a line of its own,
``#### 7``. No word turns a sentence of one skill into a sentence of another.
Nothing is downloaded, and every problem can be solved by reading it (``stories.solve``).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from teachgym.errors import ConfigError
from teachgym.settings import checked
from teachgym.shown import shown
from teachgym.tasks.cells import CellTask, Source
from teachgym.tasks.math_answers import read_marked, same_number
from teachgym.tasks.procedural import Numbers, numbers_of
from teachgym.tasks.stories import draw_story, retell, solve
from teachgym.tasks.story_rules import ROOTS, RULES, Rule
from teachgym.tasks.task import only, opening_of
from teachgym.types import Brief, Draft, Example, Skill

OTHERS = ((), ("get", "lose"), ("get", "lose", "grow", "split"))
"""Rules of the other steps of each level, of one calculation each: none, those of + and -, those of
all four operations."""
LEVELS = len(OTHERS)
BRIEF = Brief(
    domain="grade-school mathematics word problems",
    problem=(
        "A short story about people who have things, in plain English, that ends with one "
        "question. Everything needed is in it, and its answer is a whole number above 0."
    ),
    solution="The calculations, one a line and without spaces, such as 12-5=7.",
    answer="The number alone, in figures.",
)

_BY_NAME = {rule.name: rule for rule in RULES}


class Problem(NamedTuple):
    """A problem that was drawn."""

    text: str
    solution: str
    identity: str


@checked
@dataclass(eq=False, repr=False, kw_only=True)
class WordProblems(CellTask[Problem]):
    """Grade-school word problems in templates of plain English, with worked solutions.

    A skill is a kind of sentence, in eight groups. At level 0 a problem takes one or two steps,
    all of its skill; at level 1 three or four, about half of them of its skill and the others
    additions and subtractions; at level 2 five or six, the others of all four operations. One
    problem in two says something besides that has nothing to do with the question.

    The split of a problem is decided by its kinds of sentences, its calculations and the things
    that it is about, so the same problem about other people, in another wording or with something
    idle in it is never in another split.
    """

    name = "word-problems-v1"
    skills = (
        *(Skill(root, None, description) for root, description in ROOTS.items()),
        *(Skill(rule.name, rule.root, rule.description) for rule in RULES),
    )
    levels = tuple(i / (LEVELS - 1) for i in range(LEVELS))
    brief = BRIEF

    instruction: str = ""
    """The beginning of every prompt. The embedded student knows how to answer and needs none;
    models of others do, such as ``teachgym.tasks.gsm8k.INSTRUCTION``."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self._opening = opening_of(self.instruction)

    def draw(self, skill: str, level: int, numbers: Numbers) -> Problem:
        """A problem of one or two, three or four, or five or six steps."""
        while (told := draw_story(_kinds(skill, level, numbers), numbers)) is None:
            pass
        story, text = told
        solution = "\n".join([*story.lines, f"#### {story.lines[-1].partition('=')[2]}"])
        return Problem(text, solution, story.identity)

    def identity(self, drawn: Problem) -> str:
        """The things, the kinds of sentences and the calculations."""
        return drawn.identity

    def write(
        self, skill: str, drawn: Problem, *, id: str, source: Source, difficulty: float
    ) -> Example:
        """The problem with its worked solution."""
        prompt = f"{self._opening}{drawn.text}\n"
        return Example(prompt, drawn.solution, skill, id, source, difficulty)

    def reword(self, example: Example, rng: np.random.Generator) -> Example | None:
        """The story about other people, in other wordings of its sentences."""
        text = retell(self._story(example.prompt).strip(), numbers_of(rng))
        return None if text is None else replace(example, prompt=f"{self._opening}{text}\n")

    def compose(self, draft: Draft, skill: str, difficulty: float | None) -> Example:
        """The example of a draft: the calculations, and then the answer.

        Raises:
            ConfigError: for a draft without a problem or an answer.
        """
        problem, solution, answer = (
            draft.problem.strip(),
            draft.solution.strip(),
            draft.answer.strip(),
        )
        if not problem or not answer:
            raise ConfigError(
                f"a draft needs a problem and an answer, got {shown(problem, 80)} and "
                f"{shown(answer, 80)}"
            )
        target = f"{solution}\n#### {answer}".strip()
        plain = replace(draft, problem=f"{self._opening}{problem}\n", answer=target)
        return super().compose(plain, skill, difficulty)

    def grade(self, example: Example, response: str) -> float:
        """1 if the number after the last ``####`` is the right one, else 0."""
        right, found = read_marked(example.target), read_marked(response)
        return float(bool(right and found and same_number(right, found)))

    def verify(self, example: Example) -> float:
        """1 if the target has the result of the story; 0 if not, or if the prompt is no such story.

        The lines before the final number are not checked.
        """
        solution, told = solve(self._story(example.prompt)), read_marked(example.target)
        return float(bool(solution and told and same_number(told, str(solution.answer))))

    def skill_of(self, prompt: str) -> str | None:
        """The skill, if all sentences belong to one."""
        return only(self.skills_of(prompt))

    def skills_of(self, prompt: str) -> frozenset[str]:
        """The skills whose sentences the problem has; none for a text of another form."""
        solution = solve(self._story(prompt))
        return solution.rules if solution else frozenset()

    def _story(self, prompt: str) -> str:
        return prompt.removeprefix(self._opening)


def _kinds(skill: str, level: int, numbers: Numbers) -> list[Rule]:
    """The kinds of sentences of a problem, in random order."""
    own, others = _BY_NAME[skill], OTHERS[level]
    steps = 2 * level + 1 + numbers(2, 1)[0]
    kinds = [own] * max(1, round(steps / 2 / len(own.steps)))
    left = steps - len(kinds) * len(own.steps)
    if not others:
        kinds += [own] * (left // len(own.steps))
    else:
        kinds += [_BY_NAME[others[i]] for i in numbers(len(others), max(left, 0))]
    keys = numbers(2**30, len(kinds))
    return [kinds[i] for i in sorted(range(len(kinds)), key=keys.__getitem__)]
