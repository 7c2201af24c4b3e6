"""Teachers trained on recorded episodes: what they see, and that nothing of it is held out."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from teachgym.benchmarks.bench.suites.held_out import traits_of
from teachgym.benchmarks.learned.judging import held_out
from teachgym.benchmarks.learned.offline import (
    HELD_OUT,
    SEEN,
    STUDENT,
    best_of_seeds,
    collected,
    decode,
    encode,
    see,
)


def test_no_learner_is_judged_on_bases_or_items_of_its_episodes() -> None:
    """Episodes are on bases 5 and 6 in turn, with items of seeds that only tuning has."""
    met = [traits_of(cell.config.env_settings) for cell in collected().cells()]
    judged = [traits_of(held_out(STUDENT, seed).env_settings) for seed in HELD_OUT]
    assert {own["bases"] for own in met} == {("tiny", 5), ("tiny", 6)}
    assert {own["bases"] for own in judged} == {("tiny", base) for base in range(5)}
    assert not {t for own in met for t in own.items()} & {t for own in judged for t in own.items()}


def test_episodes_are_of_tuned_arms_and_of_no_control_but_the_uniform_one() -> None:
    arms = {arm.name: arm for arm in collected().arms}
    assert set(arms) == set(SEEN)
    assert {name for name, arm in arms.items() if arm.control} == {"uniform"}
    assert {n for n, arm in arms.items() if not arm.tuned} == {"uniform", "fixed"}


def test_the_best_quarter_is_that_of_each_seed() -> None:
    """Of all eight, both would be of seed 8, where more can be gained."""
    returns = np.array([0.1, 0.4, 0.2, 0.3, 0.9, 0.8, 0.7, 0.6])
    assert best_of_seeds(returns, [7, 7, 7, 7, 8, 8, 8, 8]) == [1, 4]


def test_numbers_stand_for_shares_in_proportion() -> None:
    shares = np.array([[[0.5, 0.25], [0.25, 0.0]]])
    assert encode(shares).tolist() == [[1, 0, 0, -1]]
    assert decode(encode(shares)[0], (2, 2)) == pytest.approx(shares[0], abs=1e-5)


def test_learners_see_accuracies_and_the_rest_of_the_budget() -> None:
    seen = see({"accuracy": np.array([[0.1, 0.2]]), "budget_left": np.array([1.0, 0.5])})
    assert seen == pytest.approx([0.1, 0.2, 1.0, 0.5])


@pytest.mark.slow
def test_teachers_are_trained_on_the_episodes_of_a_bench(tmp_path: Path) -> None:
    pytest.importorskip("d3rlpy")
    bench, episodes = str(tmp_path / "bench"), str(tmp_path / "episodes")
    suite = "teachgym.benchmarks.learned.offline:collected"
    program = "from teachgym.cli import main; main()"
    offline = ("-m", "teachgym.benchmarks.learned.offline", episodes, "--runs", "1")
    for arguments in (
        ("-c", program, "bench", suite, "--seeds", "1", "--workers", "1", "--out", bench),
        ("-c", program, "export", bench, "--minari", episodes),
        (*offline, "--updates", "20", "--out", str(tmp_path / "a.jsonl")),
    ):
        command = [sys.executable, "-W", "ignore", *arguments]
        made = subprocess.run(command, capture_output=True, text=True)
        assert made.returncode == 0, made.stderr
    assert "conservative Q-learning" in made.stdout
