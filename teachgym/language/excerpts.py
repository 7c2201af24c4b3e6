"""Excerpts of a report and of the training pool for a prompt.

A prompt has a budget of tokens. Skills take turns, so that each gets its share of it, and a long
text loses its middle. Tokens are estimated, as ``teachgym.chat.prices`` says.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace

import numpy as np

from teachgym.chat.prices import BYTES_PER_TOKEN, estimate_tokens
from teachgym.shown import in_short
from teachgym.types import Example, Prediction, Score

CUT = " [...] "
"""Stands where the middle of a text was left out."""

LONGEST = 600
"""Tokens of one exercise at most, all its texts together."""
SHORTEST = 48
"""Tokens below which none is cut: rather fewer are shown."""


Describe = Callable[[Example], str]


def _nothing(example: Example) -> str:
    return ""


@dataclass(frozen=True, slots=True)
class Shown:
    """An exercise with its right answer; its texts may be cut."""

    skill: str
    prompt: str
    response: str
    """The student's answer; empty for an exercise that it was not asked."""
    target: str
    """The right answer."""
    picture: str = ""
    """The content of the pictures in words."""

    __repr__ = in_short

    @classmethod
    def of(cls, item: Example | Prediction, describe: Describe = _nothing) -> Shown:
        """The exercise in an example, or in an answer to one; ``describe`` tells its pictures."""
        example, response = (
            (item.example, item.response) if isinstance(item, Prediction) else (item, "")
        )
        asked = item.question.transcript
        return cls(example.skill, asked, response, example.target, describe(example))


def choose(
    items: Iterable[Example | Prediction],
    skills: Sequence[str],
    budget: int,
    rng: np.random.Generator,
    *,
    most: int | None = None,
    describe: Describe = _nothing,
) -> tuple[Shown, ...]:
    """Random examples, or answers such as a student's mistakes, skill by skill.

    Skills take turns, one item at a time, until the next one does not fit. So no skill shows two
    while another that has some shows none, if ``budget`` holds one of each.

    Args:
        items: what is chosen from.
        skills: whose items to show, in the order to show them.
        budget: tokens of all their texts together, which are never exceeded.
        rng: decides which.
        most: items at most; None = as many as fit.
        describe: says what the pictures of an item show.
    """
    waiting = _by_skill((Shown.of(item, describe) for item in items), skills, rng)
    takers = len(waiting) if most is None else min(len(waiting), most)
    limit = min(LONGEST, max(SHORTEST, budget // max(takers, 1)))
    turns = [list(waiting)[i] for i in rng.permutation(len(waiting))]
    chosen: list[Shown] = []
    while turns and (most is None or len(chosen) < most):
        skill = turns.pop(0)
        shown = cut(waiting[skill].pop(), limit)
        budget -= sum(map(estimate_tokens, _texts(shown).values()))
        if budget < 0:
            break
        chosen.append(shown)
        if waiting[skill]:
            turns.append(skill)
    return tuple(sorted(chosen, key=lambda shown: skills.index(shown.skill)))


def cut_middle(text: str, tokens: int) -> str:
    """``text``, or its beginning and its end with a mark between them, within ``tokens``.

    Example:
        >>> cut_middle("a long story with an end", 4)
        'a lo [...] n end'
    """
    content, room = text.encode(), BYTES_PER_TOKEN * tokens
    if len(content) <= room:
        return text
    kept = max(room - len(CUT), 0)
    head, tail = content[: kept // 2], content[len(content) - (kept - kept // 2) :]
    # A character of several bytes that the cut goes through is left out.
    return (head.decode(errors="ignore") + CUT + tail.decode(errors="ignore"))[:room]


def in_words(score: Score) -> str:
    """A score as a prompt shows it: with n and its standard error, or that there is none.

    Example:
        >>> in_words(Score(16, 0.75, 0.10825))
        '75.0 % right (standard error 10.8, n = 16)'
    """
    if score.n == 0:
        return "not measured"
    percent, error = 100 * score.mean, 100 * score.stderr
    return f"{percent:.1f} % right (standard error {error:.1f}, n = {score.n})"


def _by_skill(
    candidates: Iterable[Shown], skills: Sequence[str], rng: np.random.Generator
) -> dict[str, list[Shown]]:
    """The candidates of each of the skills, in random order; skills without any are left out."""
    groups: dict[str, list[Shown]] = {skill: [] for skill in skills}
    for candidate in candidates:
        if candidate.skill in groups:
            groups[candidate.skill].append(candidate)
    return {
        skill: [group[i] for i in rng.permutation(len(group))]
        for skill, group in groups.items()
        if group
    }


def cut(shown: Shown, tokens: int) -> Shown:
    """The exercise with its texts cut so that together they fit ``tokens``.

    Short texts stay whole; the long ones share what those leave.
    """
    texts = _texts(shown)
    left = tokens
    cuts = {}
    shortest_first = sorted(texts, key=lambda name: len(texts[name].encode()))
    for turn, name in enumerate(shortest_first):
        cuts[name] = cut_middle(texts[name], left // (len(texts) - turn))
        left -= estimate_tokens(cuts[name])
    return replace(shown, **cuts)


def _texts(shown: Shown) -> Mapping[str, str]:
    return {name: text for name, text in asdict(shown).items() if name != "skill"}
