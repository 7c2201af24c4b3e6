"""The comparison of trained teachers with rules: its table by hand, and that training helps."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest

from teachgym.benchmarks.learned import ppo
from teachgym.benchmarks.learned.ppo import Line, describe, main, play_policy, play_rule, train


def lines() -> list[Line]:
    return [
        Line("constant", "hard", (0.10, 0.10)),
        Line("planned", "hard", (0.20, 0.20)),
        Line("ppo", "hard", (0.14, 0.16), run=0, trained=640),
        Line("ppo", "hard", (0.16, 0.18), run=1, trained=640),
        Line("ppo", "tiny", (0.05, 0.07), run=0, trained=640),
    ]


def test_errors_are_over_training_runs_and_the_share_is_of_what_planning_is_worth() -> None:
    """PPO's runs gain 0.15 and 0.17, so 0.16 ± 0.01, 0.06 of 0.10 above the constant."""
    table = describe(lines())
    assert "| constant | 0.100 ± 0.000 (n=2) |  |" in table
    assert "| ppo | 0.160 ± 0.010 (n=2) | 0.060 ± 0.010 (n=2) |" in table
    assert "PPO has 0.600" in table


def test_without_plans_no_share_is_told() -> None:
    assert "share" not in describe(lines()[2:])
    assert "Of what" not in describe(lines()[2:])


def test_what_a_file_has_is_not_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[str] = []

    def rule(student: str, name: str) -> tuple[float, ...]:
        made.append(f"{name} {student}")
        return (0.1, 0.2)

    monkeypatch.setattr(ppo, "play_rule", rule)
    arguments = ["ppo", "--runs", "0", "--students", "tiny", "--out", str(tmp_path / "a.jsonl")]
    monkeypatch.setattr(sys, "argv", arguments)
    main()
    assert made == ["uniform tiny", "alp tiny", "weakest tiny"]
    made.clear()
    main()
    assert made == []
    first = json.loads((tmp_path / "a.jsonl").read_text().splitlines()[0])
    assert (first["arm"], first["student"], first["returns"]) == ("uniform", "tiny", [0.1, 0.2])


@pytest.mark.slow
def test_a_policy_of_forty_thousand_steps_is_better_than_an_even_spread() -> None:
    policy = play_policy("hard", "ppo", train("ppo", 0, 40_000))
    assert np.mean(policy) > np.mean(play_rule("hard", "uniform")) + 0.01
