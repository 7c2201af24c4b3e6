"""Excerpts of a report and of the training pool for a prompt.

A prompt has a budget of tokens. Skills take turns, so that each gets its share of it, and a long
text loses its middle. Tokens are estimated without a tokenizer: one for four bytes of UTF-8.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import TypeVar

import numpy as np

from teachgym.shown import in_short
from teachgym.types import Example, Report, Score

CUT = " [...] "
"""Stands where the middle of a text was left out."""

LONGEST = 600
"""Tokens of one error or example at most, all its texts together."""
SHORTEST = 48
"""Tokens below which none is cut: rather fewer are shown."""


@dataclass(frozen=True, slots=True)
class ShownError:
    """A mistake of the student; its texts may be cut."""

    skill: str
    prompt: str
    response: str
    """The student's answer."""
    target: str
    """The right answer."""
    picture: str = ""
    """The content of the pictures in words."""

    __repr__ = in_short


@dataclass(frozen=True, slots=True)
class ShownExample:
    """A training example; its texts may be cut."""

    skill: str
    prompt: str
    target: str
    picture: str = ""
    """The content of the pictures in words."""

    __repr__ = in_short


ShownT = TypeVar("ShownT", ShownError, ShownExample)
Describe = Callable[[Example], str]


def _nothing(example: Example) -> str:
    return ""


def choose_errors(
    report: Report,
    skills: Sequence[str],
    budget: int,
    rng: np.random.Generator,
    *,
    most: int | None = None,
    describe: Describe = _nothing,
) -> tuple[ShownError, ...]:
    """Random mistakes of the student, skill by skill; unmeasured answers do not count.

    Skills take turns, one error at a time, until the next one does not fit. So no skill shows two
    errors while another that has some shows none, if ``budget`` holds one of each.

    Args:
        report: the student's answers.
        skills: whose errors to show, in the order to show them.
        budget: tokens of all their texts together, which are never exceeded.
        rng: decides which.
        most: errors at most; None = as many as fit.
        describe: says what the pictures of an item show.
    """
    errors = (
        ShownError(e.skill, p.question.transcript, p.response, e.target, describe(e))
        for p in report.errors
        for e in [p.example]
    )
    return _take_turns(errors, skills, budget, rng, most)


def choose_examples(
    examples: Sequence[Example],
    skills: Sequence[str],
    budget: int,
    rng: np.random.Generator,
    *,
    most: int | None = None,
    describe: Describe = _nothing,
) -> tuple[ShownExample, ...]:
    """Random examples with their right answers, chosen as errors are; at most ``most``."""
    shown = (ShownExample(e.skill, e.question.transcript, e.target, describe(e)) for e in examples)
    return _take_turns(shown, skills, budget, rng, most)


def count_tokens(text: str) -> int:
    """An estimate: one token for four bytes of UTF-8, rounded up.

    Example:
        >>> count_tokens("What is 2 + 2?")
        4
    """
    return -(-len(text.encode()) // 4)


def cut_middle(text: str, tokens: int) -> str:
    """``text``, or its beginning and its end with a mark between them, within ``tokens``.

    Example:
        >>> cut_middle("a long story with an end", 4)
        'a lo [...] n end'
    """
    content, room = text.encode(), 4 * tokens
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


def _take_turns(
    candidates: Iterable[ShownT],
    skills: Sequence[str],
    budget: int,
    rng: np.random.Generator,
    most: int | None = None,
) -> tuple[ShownT, ...]:
    waiting = _by_skill(candidates, skills, rng)
    takers = len(waiting) if most is None else min(len(waiting), most)
    limit = min(LONGEST, max(SHORTEST, budget // max(takers, 1)))
    turns = [list(waiting)[i] for i in rng.permutation(len(waiting))]
    chosen: list[ShownT] = []
    while turns and (most is None or len(chosen) < most):
        skill = turns.pop(0)
        shown = cut(waiting[skill].pop(), limit)
        budget -= sum(map(count_tokens, _texts(shown).values()))
        if budget < 0:
            break
        chosen.append(shown)
        if waiting[skill]:
            turns.append(skill)
    return tuple(sorted(chosen, key=lambda shown: skills.index(shown.skill)))


def _by_skill(
    candidates: Iterable[ShownT], skills: Sequence[str], rng: np.random.Generator
) -> dict[str, list[ShownT]]:
    """The candidates of each of the skills, in random order; skills without any are left out."""
    groups: dict[str, list[ShownT]] = {skill: [] for skill in skills}
    for candidate in candidates:
        if candidate.skill in groups:
            groups[candidate.skill].append(candidate)
    return {
        skill: [group[i] for i in rng.permutation(len(group))]
        for skill, group in groups.items()
        if group
    }


def cut(shown: ShownT, tokens: int) -> ShownT:
    """The error or example with its texts cut so that together they fit ``tokens``.

    Short texts stay whole; the long ones share what those leave.
    """
    texts = _texts(shown)
    left = tokens
    cuts = {}
    shortest_first = sorted(texts, key=lambda name: len(texts[name].encode()))
    for turn, name in enumerate(shortest_first):
        cuts[name] = cut_middle(texts[name], left // (len(texts) - turn))
        left -= count_tokens(cuts[name])
    return replace(shown, **cuts)


def _texts(shown: ShownError | ShownExample) -> Mapping[str, str]:
    return {name: text for name, text in asdict(shown).items() if name != "skill"}
