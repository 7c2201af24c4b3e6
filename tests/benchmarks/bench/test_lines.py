"""Lines of runs hold all that tables are made of."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from teachgym.benchmarks.bench.lines import result_lines
from teachgym.benchmarks.bench.runner import read_results
from teachgym.benchmarks.bench.suites import Arm, Cell, Suite
from tests.benchmarks.bench.small_bench import SUITE, run_all


def test_lines_are_json_and_tell_what_was_run_what_came_out_and_what_it_cost(
    tmp_path: Path,
) -> None:
    run_all(SUITE, tmp_path)
    results = read_results(SUITE, tmp_path)
    lines = result_lines(SUITE, tmp_path, results)
    assert json.loads(json.dumps(lines)) == lines
    assert [(each["arm"], each["seed"]) for each in lines] == sorted(results)
    line, run = lines[-1], results["weak", 1]
    assert (line["suite"], line["against"], line["control"]) == ("small-v1", "uniform", False)
    assert line["test_after"] == run.test.after.mean
    assert len(line["val_curve"]) == 3
    assert sum(line["examples_by_step"]) == line["examples"] == run.spent.examples
    before, after = run.test.skills_before["copy"], run.test.skills_after["copy"]
    assert line["skills"]["copy"] == [after.n, round(before.mean, 6), round(after.mean, 6)]
    assert sum(n for n, *_ in line["levels"].values()) == run.test.after.n
    assert set(line["data"]) == {"items of val", "items of test"}
    assert len(line["digest"]) == 12
    assert line["seconds"] > 0


def test_the_digest_is_of_what_decides_results_besides_the_seed() -> None:
    arm = SUITE.arms[1]
    digest = Cell(SUITE, arm, 0).digest

    def other(suite: Suite = SUITE, arm: Arm = arm, seed: int = 0) -> str:
        return Cell(suite, arm, seed).digest

    assert digest == other(seed=1) == other(replace(SUITE, name="other", version=2, seeds=9))
    assert digest == other(arm=replace(arm, name="same", seed_offset=7, against="uniform"))
    assert digest != other(arm=replace(arm, teacher_settings={"power": 3.0}))
    assert digest != other(replace(SUITE, seeded=("stress.seed",)))
    assert digest != other(replace(SUITE, env_settings={**SUITE.env_settings, "replay": 0.5}))


@pytest.mark.parametrize("seed", [0, 3])
def test_what_a_seed_draws_is_that_of_the_run(seed: int) -> None:
    assert Cell(SUITE, replace(SUITE.arms[0], seed_offset=10), seed).drawn == seed + 10
