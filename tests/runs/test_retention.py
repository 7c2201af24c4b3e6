"""What is kept of a run's steps is what the policy says, wherever the run was interrupted."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from teachgym.envs import TeacherEnv
from teachgym.errors import ConfigError
from teachgym.experiment import RunConfig, env_id, run
from teachgym.report.html.material import RunMaterial
from teachgym.report.html.run_page import run_page
from teachgym.runs import Keep, RunFolder, load_snapshot, record_episode
from teachgym.runs.retention import MOST_THINNED, stride
from teachgym.testing import TableStudent
from teachgym.types import Episode, Transition
from tests.runs.dying import Death, Killed, contents, stop_clocks, toy_tree

STEPS = 10
POLICIES = [
    Keep(predictions="ends", students="best"),
    Keep(predictions="all", students=4),
    Keep(predictions=3, students="all", snapshot_every=4),
    Keep(predictions="thinned", snapshot_every=3),
    Keep(predictions=1, snapshot_every=20),
]


@pytest.fixture(autouse=True)
def _small_and_timeless(monkeypatch: pytest.MonkeyPatch) -> None:
    """Thinned after four steps; a student's export is what it was taught."""
    stop_clocks(monkeypatch)
    monkeypatch.setattr("teachgym.runs.retention.MOST_THINNED", 4)

    def export(student: TableStudent, folder: Path) -> None:
        (folder / "taught.txt").write_text(str(student._taught.tolist()))

    monkeypatch.setattr(TableStudent, "export", export)


def record(folder: RunFolder, keep: Keep, **settings: Any) -> Episode:
    env, teacher = toy_tree(STEPS)
    return record_episode(env, teacher, folder, seed=3, keep=keep, **settings)


def best_step(folder: RunFolder) -> int:
    return load_snapshot(folder, STEPS).best.step


@pytest.mark.sweep(3)
@pytest.mark.parametrize("keep", POLICIES, ids=str)
def test_the_files_of_steps_are_those_of_the_policy(tmp_path: Path, keep: Keep) -> None:
    """By the words of the settings: thinned of ten steps with a limit of four is every fourth."""
    folder = RunFolder.create(tmp_path / "run", {})
    record(folder, keep)
    ends = {0, best_step(folder), STEPS}
    every = {"all": 1, "ends": STEPS, "thinned": 4}
    k = keep.predictions if isinstance(keep.predictions, int) else every[keep.predictions]
    expected = {step for step in range(STEPS + 1) if step % k == 0} | ends
    assert {p.name for p in folder.predictions.iterdir()} == {
        f"step_{step:03d}.jsonl" for step in expected
    }
    n = {"all": 1, "best": STEPS + 1}.get(str(keep.students), keep.students)
    assert isinstance(n, int)
    students = [f"step_{step:03d}" for step in range(1, STEPS + 1) if step % n == 0]
    assert sorted(p.name for p in folder.path.glob("students/*")) == students
    states = [p.name for p in folder.checkpoints.glob("state_*.json")]
    assert states == [f"state_{STEPS:03d}.json"]


@pytest.mark.sweep(1)
@pytest.mark.parametrize("keep", POLICIES, ids=str)
def test_a_kill_at_any_moment_leaves_no_trace_whatever_is_kept(tmp_path: Path, keep: Keep) -> None:
    """Every 41st moment, which are of all kinds and steps."""
    whole = RunFolder.create(tmp_path / "whole", {})
    counting = Death()
    with counting.around():
        record(whole, keep)
    files = contents(whole.path)
    for at in range(1, counting.moments + 1, 41):
        folder = RunFolder.create(tmp_path / f"killed-{at}", {})
        with Death(at).around(), pytest.raises(Killed):
            record(folder, keep)
        record(folder, keep)
        assert contents(folder.path) == files, at


@pytest.mark.sweep(2)
@pytest.mark.parametrize("every", [1, 3, 4, 20])
@pytest.mark.parametrize("done", [2, 4, 7, 9])
def test_only_the_steps_after_the_last_snapshot_are_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, every: int, done: int
) -> None:
    made = 0
    step = TeacherEnv.step

    def count(env: TeacherEnv, action: Any) -> Any:
        nonlocal made
        made += 1
        return step(env, action)

    def die(number: int, transition: Transition) -> None:
        if number == done:
            raise Killed

    monkeypatch.setattr(TeacherEnv, "step", count)
    folder, keep = RunFolder.create(tmp_path / "run", {}), Keep(snapshot_every=every)
    with pytest.raises(Killed):
        record(folder, keep, observers=[die])
    assert made == done
    record(folder, keep)
    assert made == STEPS + done % every


@given(st.integers(1, 10**6))
def test_thinning_keeps_a_bounded_number_of_steps_that_the_next_one_thins_further(
    last: int,
) -> None:
    kept = set(range(0, last + 1, stride(last)))
    assert len(kept) <= MOST_THINNED + 1
    assert set(range(0, last + 1, stride(last + 1))) <= kept
    keep = Keep()
    gone = set(keep.outlived(last + 1))
    before = {s for s in kept if keep.prediction_of(s, last=last)} | {last}
    assert {s for s in before if keep.prediction_of(s, last=last + 1)} == before - {
        s for s in gone if not keep.prediction_of(s, last=last + 1)
    }


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"prediction": "all"}, "prediction"),
        ({"predictions": "al"}, "Did you mean 'all'"),
        ({"predictions": 0}, "keep.predictions is 0"),
        ({"predictions": True}, "keep.predictions is True"),
        ({"students": 1.5}, "keep.students is 1.5"),
        ({"students": "ends"}, "ends"),
        ({"students": None}, "keep.students is None"),
        ({"snapshot_every": "all"}, "keep.snapshot_every is 'all'"),
        ({"snapshot_every": -1}, "keep.snapshot_every is -1"),
    ],
)
def test_other_policies_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        RunConfig(keep=settings)


def test_snapshots_of_some_steps_and_a_budget_of_seconds_do_not_go_together(
    tmp_path: Path,
) -> None:
    settings = {"student": "simulated", "budget": {"steps": 2, "seconds": 1000}}
    chosen = RunConfig(env_settings=settings, keep={"snapshot_every": 2})
    with pytest.raises(ConfigError, match="budget is of seconds"):
        run(chosen, tmp_path / "run")


def test_a_report_shows_what_was_kept(tmp_path: Path) -> None:
    settings = {
        "student": "simulated",
        "task_settings": {"val_per_cell": 1, "test_per_cell": 1, "train_per_cell": 1},
        "examples_per_step": 20,
        "budget": {"steps": 6},
    }
    chosen = RunConfig(
        env=env_id("SkillTree"),
        teacher="random-tree",
        env_settings=settings,
        keep={"predictions": "ends"},
    )
    result = run(chosen, tmp_path / "run")
    folder = RunFolder.open(tmp_path / "run")
    material = RunMaterial.read(folder)
    assert sorted(material.val) == sorted({0, result.best_step, 6})
    assert "step 6" in str(run_page(material))
    moves = [json.loads(line) for line in folder.moves.read_text().splitlines()]
    assert material.forest is not None
    assert [m["step"] for m in moves] == [e.step for e in material.forest.history]
