"""Fresh seeds say whether what a bench was sure of holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest

from teachgym.benchmarks.bench.blocks import replicate, replication_rows
from teachgym.errors import ConfigError

UNIFORM = [0.50, 0.52, 0.54, 0.56, 0.58, 0.60]


def lines(first: int, arms: Mapping[str, Sequence[float]]) -> list[Any]:
    """Lines of arms with seeds from ``first`` on, all compared with ``uniform``."""
    return [
        {
            "suite": "a",
            "arm": arm,
            "against": "uniform",
            "digest": arm,
            "seed": first + n,
            "drawn": first + n,
            "test_after": score,
        }
        for arm, scores in arms.items()
        for n, score in enumerate(scores)
    ]


def above(differences: Sequence[float]) -> list[float]:
    return [a + b for a, b in zip(UNIFORM, differences, strict=True)]


BOARD = lines(
    0,
    {
        "uniform": UNIFORM,
        "better": above([0.10, 0.11, 0.12, 0.10, 0.11, 0.12]),
        "worse": above([-0.10, -0.11, -0.12, -0.10, -0.11, -0.12]),
        "even": above([0.10, -0.11, 0.12, -0.10, 0.11, -0.12]),
    },
)


def test_a_sure_statement_holds_wavers_or_is_overturned() -> None:
    """Two blocks of three seeds; what is not sure is no statement, and old seeds do not count."""
    fresh = lines(
        6,
        {
            "uniform": UNIFORM,
            "better": above([0.05, 0.06, 0.07, 0.01, 0.02, 0.03]),
            "worse": above([-0.05, -0.06, -0.07, 0.02, 0.01, -0.01]),
            "even": UNIFORM,
        },
    )
    old = lines(0, {"uniform": [0.5], "better": [0.0]})
    found = {each.said.arm: each for each in replicate(BOARD, old + fresh, 3)}
    assert {name: each.verdict for name, each in found.items()} == {
        "better": "holds",
        "worse": "not in every block",
    }
    means = [block.difference.mean for block in found["better"].blocks]
    np.testing.assert_allclose(means, [0.06, 0.02])
    assert found["better"].fresh.difference.mean == pytest.approx(0.04)
    header, row, _ = replication_rows([found["better"], found["worse"]])
    assert header[3:6] == ("block 1", "block 2", "fresh")
    assert row[0] == "better"
    assert row[3:5] == ("+0.0600", "+0.0200")

    against = lines(6, {"uniform": UNIFORM[:3], "better": [0.40, 0.41, 0.42]})
    (overturned,) = replicate(BOARD, against, 3)
    assert overturned.verdict == "overturned"  # -0.10, -0.11, -0.12


def test_without_a_whole_block_nothing_is_said() -> None:
    fresh = lines(4, {"uniform": UNIFORM[:4], "better": UNIFORM[:4]})  # Seeds 4 and 5 are old.
    with pytest.raises(ConfigError, match="2 seeds are new, fewer than a block of 3"):
        replicate(BOARD, fresh, 3)
