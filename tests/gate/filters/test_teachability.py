"""What the LbT score is worth to a student that does as the example did that it has read."""

from __future__ import annotations

from collections import Counter
from statistics import fmean
from typing import Any

import numpy as np
from numpy.typing import NDArray

from teachgym.gate.filters.teachability import Teachability
from teachgym.streams import chance
from teachgym.testing import ToyTask
from teachgym.types import Data, Example
from tests.gate.filters.asking import Answers

TASK = ToyTask(per_cell=2)
WORDS = ("abc", "bcd", "cde", "efg", "fgh", "ghi", "hij", "ijk")
METHODS = {"wrong": lambda text: text, "right": lambda text: text[::-1]}


class Imitator(Answers):
    """Applies the first method that explains what it read; one answer in five is careless."""

    def greedy(self, items: Any, *, prefix: str = "") -> list[str]:
        return [self._answer(example.prompt) for example in items]

    def _answer(self, prompt: str) -> str:
        shown, _, asked = prompt.rpartition("\n\n")
        question, _, answer = shown.partition("\n")
        word, own = question.split(": ")[1], asked.split(": ")[1].strip()
        fitting = [method for method in METHODS.values() if method(word) == answer]
        return "?" if not fitting or chance(prompt) < 0.2 else fitting[0](own)


def rationales() -> tuple[Data, list[float]]:
    """For each word three wrong answers and two right ones, and a right one that shows no method.

    Backwards, ``abba`` is itself, so that whoever reads it learns to copy. Quality is 1 for right
    answers by the right method.
    """
    data, quality = list[Example](), list[float]()
    for word in WORDS:
        for method, count in (("wrong", 3), ("right", 2)):
            target = METHODS[method](word)
            data += [Example(f"reverse: {word}\n", target, "reverse", difficulty=0.0)] * count
            quality += [float(method == "right")] * count
        mirrored = word + word[::-1]
        data.append(Example(f"reverse: {mirrored}\n", mirrored, "reverse", difficulty=0.0))
        quality.append(0.0)
    return tuple(data), quality


def ranks(values: list[float]) -> NDArray[np.float64]:
    """Ranks from 0 on, equal values sharing the mean of theirs."""
    below = np.less.outer(values, values).sum(axis=0)
    return below + (np.equal.outer(values, values).sum(axis=0) - 1) / 2


def scores(*, related: bool) -> list[float]:
    data, _ = rationales()
    chooser = Teachability(TASK, exams=3, related=related)
    found = chooser.scores(data, Imitator(), np.random.default_rng(0))
    assert None not in found
    return [float(score) for score in found if score is not None]


def test_the_score_tells_good_rationales_and_finds_answers_that_a_majority_misses() -> None:
    """The rank correlation with quality is above 0.3 with siblings, and below 0 without.

    Three of five answers to each word are wrong alike, so that no vote finds a right one.
    """
    data, quality = rationales()
    for related in (True, False):
        found = scores(related=related)
        correlation = np.corrcoef(ranks(found), ranks(quality))[0, 1]
        chosen, voted = [], []
        for start in range(0, len(data), 6):
            own = range(start, start + 5)
            best = max(own, key=lambda place: found[place])
            chosen.append(quality[best])
            majority = Counter(data[place].target for place in own).most_common(1)[0][0]
            voted.append(float(majority == METHODS["right"](WORDS[start // 6])))
        assert fmean(voted) == 0
        assert (correlation > 0.3) == related
        assert (fmean(chosen) > 0.8) == related
