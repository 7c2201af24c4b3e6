"""The sentence that sums up a bench, with figures derived by hand."""

from __future__ import annotations

import pytest

from teachgym.benchmarks.bench.headline import headline
from teachgym.benchmarks.bench.leaderboard import stand
from teachgym.benchmarks.bench.outcomes import Outcome
from teachgym.benchmarks.bench.suites import Arm, Suite

ARMS = (
    Arm("uniform", "uniform", control=True),
    Arm("alp", "alp"),
    Arm("weak", "weakest"),
    Arm("planned", "uniform", control=True),
)
SUITE = Suite("s", 1, "", ARMS, seeds=3, reference="uniform")
SCORES = {
    "uniform": (0.5, 0.5, 0.5),
    "alp": (0.6, 0.61, 0.59),
    "weak": (0.4, 0.41, 0.39),
    "planned": (0.7, 0.71, 0.69),
}


def told(suite: Suite, seeds: int = 3, *names: str) -> str:
    scores = {name: SCORES[name] for name in names or SCORES}
    outcomes = {(a, s): Outcome(score) for a, own in scores.items() for s, score in enumerate(own)}
    return headline(suite, stand(suite, {k: v for k, v in outcomes.items() if k[1] < seeds}))


def test_the_largest_difference_leads_and_controls_take_no_part() -> None:
    """Standard error 0.01/sqrt(3), t of two degrees 4.303, so the interval is +-0.0248.

    Two-sided p of t = 17.3 is 0.0033; Holm's factor is 2, since only that of planned is smaller.
    """
    assert told(SUITE) == (
        "The largest of 2 differences is that of alp from uniform: +0.1000 [+0.0752, +0.1248], "
        "p = 0.007; 1 of them surely above 0 and 1 surely below; the room up to planned is +0.2000 "
        "[+0.1752, +0.2248]."
    )


def test_one_seed_has_neither_an_interval_nor_certainty() -> None:
    assert told(SUITE, 1) == (
        "The largest of 2 differences is that of alp from uniform: +0.1000, one seed."
    )


@pytest.mark.parametrize(
    ("suite", "names"),
    [
        (SUITE, ("uniform", "planned")),
        (
            Suite(
                "s",
                1,
                "",
                tuple(Arm(a.name, a.teacher, condition=a.name[:1]) for a in ARMS),
                seeds=3,
                reference="uniform",
            ),
            tuple(SCORES),
        ),
    ],
    ids=["nothing compared", "several conditions"],
)
def test_there_is_no_sentence_without_one_table(suite: Suite, names: tuple[str, ...]) -> None:
    assert told(suite, 3, *names) == ""
