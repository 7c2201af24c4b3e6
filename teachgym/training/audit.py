r"""An audit of judges: how far order, length and authorship sway a comparison of answers.

The measurements of Zheng et al. 2023 (arXiv 2306.05685, sections 3.3 and 3.4), which the survey of
models as judges (Li et al. 2024, arXiv 2412.05579) calls position, verbosity and self-enhancement
bias. Differences: an answer is known to be right or wrong by the data or the task instead of by
people's votes, and a text is lengthened by its own lines instead of by a list that another model
has reworded.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from teachgym.errors import ConfigError
from teachgym.training.grader import Grader
from teachgym.training.judges import Comparison
from teachgym.types import Cost, Data, FloatArray, Score


@dataclass(frozen=True)
class Audit:
    """The findings, each a share of pairs in [0, 1]."""

    right: Score
    """Pairs won by the right answer; one whose verdict changes with the order counts 1/2."""
    consistent: Score
    """Pairs with the same verdict in both orders."""
    first: Score
    """Pairs whose first answer is preferred in both orders, so that the place decides."""
    second: Score
    """Pairs whose second answer is."""
    longer: Score
    """Pairs whose right answer loses, in both orders, to itself with its lines repeated."""
    cost: Cost
    """The cost of all comparisons."""


def audit(
    comparison: Comparison, data: Data, lengthen: Callable[[str], str] | None = None
) -> Audit:
    """Compare right answers with wrong ones and with longer ones, each pair in both orders.

    Args:
        comparison: of a teacher model (``TeacherModel.comparison``), or your own.
        data: whose targets are right and whose rejected responses are wrong; examples without one
            are left out.
        lengthen: makes a text longer and adds nothing to it; texts that it leaves as they are have
            no part in ``longer``. None = ``repeated``.

    Raises:
        ConfigError: if no example has a rejected response.
    """
    pairs = tuple(e for e in data if e.rejected is not None)
    if not pairs:
        raise ConfigError("no example has a rejected response; give the wrong answers there")
    rights = [e.target for e in pairs]
    ahead, behind, cost = _both(comparison, pairs, rights, [e.rejected or "" for e in pairs])
    longer = [(lengthen or repeated)(text) for text in rights]
    places = [i for i, text in enumerate(longer) if text != rights[i]]
    kept, swapped, more = _both(
        comparison,
        tuple(pairs[i] for i in places),
        [longer[i] for i in places],
        [rights[i] for i in places],
    )
    agreed = ahead == 1 - behind
    return Audit(
        right=Score.of(np.where(agreed, ahead, 0.5)),
        consistent=Score.of(agreed.astype(np.float64)),
        first=Score.of(((ahead == 1) & (behind == 1)).astype(np.float64)),
        second=Score.of(((ahead == 0) & (behind == 0)).astype(np.float64)),
        longer=Score.of(((kept == 1) & (swapped == 0)).astype(np.float64)),
        cost=cost + more,
    )


def self_preference(
    comparison: Comparison,
    grader: Grader,
    data: Data,
    own: Sequence[str],
    others: Sequence[str],
) -> tuple[Score, Cost]:
    """The surplus of wins of its own answers over another model's that are as right.

    The bias that Zheng et al. call self-enhancement. Pairs with different grades or equal texts are
    left out, and so is what cannot be graded.

    Args:
        comparison: of the model that is audited.
        grader: of the task, which tells which answers are alike.
        data: the questions.
        own: the model's answer to each.
        others: another model's.

    Returns:
        The share of pairs that the own answer wins in both orders minus the share that the other
        one wins, in [-1, 1], 0 = no preference; and the price.
    """
    grades = zip(grader.grade(data, own), grader.grade(data, others), strict=True)
    alike = [i for i, (a, b) in enumerate(grades) if a == b and own[i] != others[i]]
    ahead, behind, cost = _both(
        comparison,
        tuple(data[i] for i in alike),
        [own[i] for i in alike],
        [others[i] for i in alike],
    )
    won, lost = (ahead == 1) & (behind == 0), (ahead == 0) & (behind == 1)
    return Score.of_repetitions(won.astype(np.float64) - lost), cost


def repeated(text: str) -> str:
    r"""The text with each line but the last said twice.

    Example:
        >>> repeated("1 + 2 = 3\n3 * 2 = 6")
        '1 + 2 = 3\n1 + 2 = 3\n3 * 2 = 6'
    """
    *lines, last = text.split("\n")
    return "\n".join([*(line for line in lines for _ in range(2)), last])


def _both(
    comparison: Comparison, examples: Data, ones: Sequence[str], others: Sequence[str]
) -> tuple[FloatArray, FloatArray, Cost]:
    """The preference for the first answer in both orders, of pairs that were judged in both.

    Returns:
        With the ones first, with the others first, each of shape (n,); and the price.
    """
    if not examples:
        return np.zeros(0), np.zeros(0), Cost()
    told, paid = comparison.compare(examples, ones, others)
    swapped, more = comparison.compare(examples, others, ones)
    both = np.array([told, swapped])
    ahead, behind = both[:, ~np.isnan(both).any(axis=0)]
    return ahead, behind, paid + more
