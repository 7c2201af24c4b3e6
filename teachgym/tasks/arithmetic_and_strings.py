"""``arithmetic-and-strings``: 32 exact skills on letters and digits, three levels each.

One worked example, skill ``rotl`` at level 0: prompt ``rotl abcd=``, target ``bcda``. Everything
is made from a seed, nothing is downloaded, and there is always one right answer.
"""

from __future__ import annotations

from teachgym.tasks.cells import CellTask, Source
from teachgym.tasks.primitives import LEVELS, PRIMITIVES, ROOTS
from teachgym.tasks.procedural import Numbers
from teachgym.types import Example, Skill

_BY_NAME = {p.name: p for p in PRIMITIVES}


def solve(prompt: str) -> str | None:
    """The right answer to ``SKILL question=``; None if the text is no such question.

    Example:
        >>> solve("rotl abcd=")
        'bcda'
    """
    name, _, rest = prompt.partition(" ")
    if name not in _BY_NAME or not rest.endswith("="):
        return None
    try:
        return _BY_NAME[name].answer(rest[:-1])
    except (ValueError, IndexError):  # What answers raise on a text that is not of their form.
        return None


class ArithmeticAndStrings(CellTask[str]):
    """Copy, pick, order, shift, move and combine letters and digits; calculate.

    Skills are grouped under seven roots, some undo each other, some are composed of others, and
    two (``mul``, ``sum97``) are there to be beyond a small student's reach. See ``primitives``.
    """

    name = "arithmetic-and-strings-v0"
    skills = (
        *(Skill(root, None, description) for root, description in ROOTS.items()),
        *(Skill(p.name, p.root, p.description) for p in PRIMITIVES),
    )
    levels = tuple(i / (LEVELS - 1) for i in range(LEVELS))

    def draw(self, skill: str, level: int, numbers: Numbers) -> str:
        """A prompt."""
        return f"{skill} {_BY_NAME[skill].question(numbers, level)}="

    def identity(self, drawn: str) -> str:
        """The prompt."""
        return drawn

    def write(
        self, skill: str, drawn: str, *, id: str, source: Source, difficulty: float
    ) -> Example:
        """The example with this prompt."""
        answer = _BY_NAME[skill].answer(drawn[len(skill) + 1 : -1])
        return Example(drawn, answer, skill, id, source, difficulty)

    def grade(self, example: Example, response: str) -> float:
        """1 if the response equals the target apart from surrounding white space, else 0."""
        return float(response.strip() == example.target)

    def verify(self, example: Example) -> float:
        """1 if the target answers the prompt; 0 if not, or if the prompt is no question."""
        return float(solve(example.prompt) == example.target)

    def skill_of(self, prompt: str) -> str | None:
        """The leaf skill of ``SKILL question=``; None for a prompt of another form."""
        name = prompt.partition(" ")[0]
        return name if name in _BY_NAME else None
