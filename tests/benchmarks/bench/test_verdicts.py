"""What runs say of published claims: verdicts by hand, and what the board shows beside them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

import pytest

from teachgym.benchmarks.bench.outcomes import Outcome, Outcomes
from teachgym.benchmarks.bench.runner import prepare, read_suite
from teachgym.benchmarks.bench.statistics import Interval
from teachgym.benchmarks.bench.suites import Arm, Cell, Claim, Suite, make_suite
from teachgym.benchmarks.bench.verdicts import Verdict, claim_rows, effort_rows, judge, judge_claims
from teachgym.benchmarks.pages.material import BenchMaterial
from teachgym.benchmarks.pages.page import bench_tables, draw_bench
from teachgym.errors import ConfigError
from tests.benchmarks.bench.small_bench import SUITE, run_all

ARMS = (Arm("uniform", "uniform"), Arm("alp", "alp"), Arm("weakest", "weakest"))
BUDGET = {"budget": {"steps": 2, "examples": 1200}}
CLAIMS = (Claim("alp", "uniform", "1910.07224"), Claim("weakest", "alp", "0000.00000", "below"))
CLAIMING = Suite("claiming", 1, "", ARMS, env_settings=BUDGET, claims=CLAIMS)


@pytest.mark.parametrize(
    ("low", "high", "above", "below"),
    [
        (0.01, 0.03, "agrees", "contradicts"),
        (-0.03, -0.01, "contradicts", "agrees"),
        (-0.01, 0.03, "cannot tell", "cannot tell"),
        (0.0, 0.03, "cannot tell", "cannot tell"),
        (-0.03, 0.0, "cannot tell", "cannot tell"),
        (0.0, 0.0, "cannot tell", "cannot tell"),
        (float("-inf"), float("inf"), "cannot tell", "cannot tell"),
        (float("nan"), float("nan"), "cannot tell", "cannot tell"),
    ],
)
def test_a_verdict_needs_an_interval_that_leaves_0_out(
    low: float, high: float, above: Verdict, below: Verdict
) -> None:
    interval = Interval((low + high) / 2, low, high)
    directions: tuple[Literal["above", "below"], ...] = ("above", "below")
    assert [judge(direction, interval) for direction in directions] == [above, below]


def runs(scores: Mapping[str, Sequence[float]]) -> Outcomes:
    """Outcomes by arm and seed with what a verdict is made of."""
    spent = {"steps": 2, "examples": 1200, "seconds": 3.0}
    return {
        (arm, seed): Outcome(
            score,
            spent={
                **spent,
                **({"generated_tokens": seed * 100} if seed else {}),
                **({"rejected": 6} if arm == "alp" else {}),
            },
        )
        for arm, own in scores.items()
        for seed, score in enumerate(own)
    }


def test_a_claim_is_judged_by_the_differences_of_the_seeds_that_both_have() -> None:
    """Differences 0.1, 0.2, 0.3: mean 0.2, error 0.1/sqrt(3), and t is 4.303: 0.2 ± 0.2484."""
    found = runs({"uniform": [0.1, 0.1, 0.1, 0.9], "alp": [0.2, 0.3, 0.4], "weakest": []})
    told, unrun = judge_claims(CLAIMING, found)
    assert told.test is not None
    assert told.test.interval.low == pytest.approx(-0.0484, abs=1e-4)
    assert told.verdict == "cannot tell"
    assert unrun.test is None
    sure = runs({"uniform": [0.1, 0.1, 0.1], "alp": [0.2, 0.21, 0.22], "weakest": [0.5, 0.5, 0.5]})
    judged = judge_claims(CLAIMING, sure)
    assert [j.verdict for j in judged] == ["agrees", "contradicts"]
    # t is 19.1 and 50.2, so p is 0.0027 and 0.0004: once the former, twice the latter.
    assert [row[-1] for row in claim_rows(judged)] == ["p (Holm)", "0.003", "< 0.001"]


def test_the_meter_and_what_was_spent_on_average_have_a_table() -> None:
    """Generated tokens 0 and 100 of two seeds; four and two rejected examples in each run."""
    judged = judge_claims(CLAIMING, runs({"uniform": [0.1, 0.2], "alp": [0.2, 0.4]}))
    header, first, second = effort_rows(judged)
    assert dict(zip(header, first, strict=True)) == {
        "claim": "alp above uniform",
        "meter": "2 steps, 1,200 examples",
        "spent": "1,200 examples, 50 generated tokens, 6 rejected",
        "spent by the other": "1,200 examples, 50 generated tokens",
    }
    claims = claim_rows(judged)
    assert {len(row) for row in claims} == {len(claims[0])}
    assert [row[0] for row in claims[1:]] == [first[0], second[0]]
    assert claims[2][-3:] == ("—", "not run", "")


@pytest.mark.slow
def test_the_board_and_the_page_have_the_verdicts(tmp_path: Path) -> None:
    suite = replace(SUITE, claims=(Claim("weak", "uniform", "2403.15042"),))
    run_all(suite, tmp_path)
    bench = BenchMaterial.read(read_suite(tmp_path), tmp_path)
    assert bench.suite.claims == suite.claims
    claims, leaders, *_, effort = bench_tables(bench)
    assert claims[1][0] == "weak above uniform"
    assert leaders[0][0] == "arm"
    assert effort[1][0] == claims[1][0]
    page = draw_bench(bench, tmp_path).read_text()
    assert "Published claims" in page
    assert "2403.15042" in page


def test_a_folder_keeps_the_claims_of_all_arms_that_were_run_in_it(tmp_path: Path) -> None:
    suite = replace(CLAIMING, seeds=1)
    prepare(suite.narrowed(("alp",)), tmp_path)
    prepare(suite.narrowed(("weakest",)), tmp_path)
    prepare(suite.narrowed(("alp",)), tmp_path)
    assert read_suite(tmp_path).claims == CLAIMS


def test_arms_of_a_claim_stay_together() -> None:
    """``weakest`` is against ``alp``, which is against ``uniform``."""
    assert [arm.name for arm in CLAIMING.narrowed(("weakest",)).arms] == [a.name for a in ARMS]
    kept = CLAIMING.narrowed(("alp",))
    assert [arm.name for arm in kept.arms] == ["uniform", "alp"]
    assert kept.claims == CLAIMS[:1]
    assert Suite.of(json.loads(json.dumps(CLAIMING.to_json()))) == CLAIMING
    with pytest.raises(ConfigError, match="unknown arm"):
        Suite("s", 1, "", ARMS, claims=(Claim("alp", "nobody", "1910.07224"),))


def test_an_arm_takes_the_settings_of_its_suite_along() -> None:
    """The run of an arm is the same in the suite that it was taken into."""
    own = make_suite("objectives")
    other = Suite("other", 1, "", own.absorbed("sft", "kdrl"), reference="sft", seeded=own.seeded)
    before = {c.arm.name: c.digest for c in own.cells()}
    for arm in other.arms:
        assert Cell(other, arm, 3).digest == before[arm.name]
    assert [other.compared(arm) for arm in other.arms] == ["sft", "sft"]


def test_published_methods_are_held_to_the_meter_of_their_ablations() -> None:
    suite = make_suite("methods")
    limits = {c.arm.name: c.config.env_settings["budget"] for c in suite.cells()}
    assert suite.seeds >= 10
    for claim in suite.claims:
        assert limits[claim.arm] == limits[claim.against], claim
        assert set(limits[claim.arm]) > {"steps"}, claim
    claimed = {name for claim in suite.claims for name in (claim.arm, claim.against)}
    for arm in suite.arms:
        assert arm.name in claimed or suite.compared(arm) != arm.name
