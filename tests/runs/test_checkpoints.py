"""What is loaded is what was saved, bit for bit."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from teachgym.errors import RunError
from teachgym.forest.space import experience_to_json, forest_to_json
from teachgym.runs import RunFolder, load_snapshot, save_snapshot
from teachgym.runs.checkpoints import drop_old_snapshots
from teachgym.runs.files import append_lines, strict
from teachgym.snapshot import Snapshot
from teachgym.types import NOT_MEASURED, Checkpoint, Cost, Prediction, Report
from tests.example_files import write_examples
from tests.runs.dying import toy_tree


def snapshot_after(steps: int) -> Snapshot:
    env, teacher = toy_tree()
    teacher.reset(0)
    observation, _ = env.reset(seed=0)
    for _ in range(steps):
        observation = env.step(teacher.act(observation))[0]
    taken: Snapshot = env.get_wrapper_attr("snapshot")()
    return taken


def saved(snapshot: Snapshot, folder: Path) -> RunFolder:
    run = RunFolder.create(folder, {})
    write_past(run, snapshot)
    save_snapshot(run, snapshot)
    return run


def write_past(run: RunFolder, snapshot: Snapshot) -> None:
    """What a run's folder holds before there is a snapshot in it."""
    write_examples(run.examples, snapshot.data)
    run.metrics.unlink(missing_ok=True)
    points = ({"n": p.n, "accuracy": p.mean, "stderr": p.stderr} for p in snapshot.curve)
    append_lines(run.metrics, map(strict, points))
    run.moves.unlink(missing_ok=True)
    append_lines(
        run.moves, map(experience_to_json, snapshot.forest.history if snapshot.forest else ())
    )


@pytest.mark.parametrize("steps", [0, 1, 3])
def test_a_snapshot_comes_back_equal(tmp_path: Path, steps: int) -> None:
    """With the prices of what was tried after it, if anything was."""
    snapshot = snapshot_after(steps)
    if steps == 1:
        snapshot = replace(snapshot, tried={"here/0": Cost(steps=1, dollars=0.1)})
    assert load_snapshot(saved(snapshot, tmp_path / "run"), steps) == snapshot


def test_a_snapshot_without_a_forest_and_with_ungraded_answers_comes_back_equal(
    tmp_path: Path,
) -> None:
    snapshot = snapshot_after(1)
    first, *others = snapshot.report.predictions
    ungraded = Prediction(first.example, "½ \ud800 \n", NOT_MEASURED)
    snapshot = replace(snapshot, forest=None, report=Report((ungraded, *others), "val"))
    assert load_snapshot(saved(snapshot, tmp_path / "run"), 1) == snapshot


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "int8", "int64", "bool"])
def test_weights_of_every_type_and_layout_come_back_bit_for_bit(tmp_path: Path, dtype: str) -> None:
    values: Any = np.random.default_rng(0).normal(size=(3, 4)).astype(dtype)
    arrays = {"rows": values, "columns": np.asfortranarray(values), "view": values[::2, 1:]}
    arrays["scalar"] = np.array(values[0, 0])
    arrays["empty"] = np.zeros((0, 2), dtype)
    checkpoint = Checkpoint(arrays)
    snapshot = replace(snapshot_after(1), checkpoint=checkpoint)
    loaded = load_snapshot(saved(snapshot, tmp_path / "run"), 1).checkpoint
    assert loaded == checkpoint
    assert loaded is not None
    assert {name: a.shape for name, a in loaded.arrays.items()} == {
        name: a.shape for name, a in arrays.items()
    }


def test_old_files_go_and_the_best_weights_stay(tmp_path: Path) -> None:
    run = saved(snapshot_after(1), tmp_path / "run")
    last = snapshot_after(3)
    last = replace(last, best=replace(last.best, step=0))
    write_past(run, last)
    save_snapshot(run, last)
    drop_old_snapshots(run, last)
    assert sorted(p.name for p in run.checkpoints.iterdir()) == [
        "state_003.json",
        "weights_000.safetensors",
        "weights_003.safetensors",
    ]
    assert load_snapshot(run, 3) == last
    with pytest.raises(RunError, match=r"state_001\.json is missing"):
        load_snapshot(run, 1)


def test_missing_weights_are_named(tmp_path: Path) -> None:
    run = saved(snapshot_after(1), tmp_path / "run")
    (run.checkpoints / "weights_001.safetensors").unlink()
    with pytest.raises(RunError, match=r"weights_001\.safetensors is missing"):
        load_snapshot(run, 1)


def test_a_state_from_before_probes_were_recorded_is_read(tmp_path: Path) -> None:
    """Its history is its own, and nothing was asked after the last step."""
    snapshot = replace(snapshot_after(1), incidents=())
    run = saved(snapshot, tmp_path / "run")
    path = run.checkpoints / "state_001.json"
    state = json.loads(path.read_text())
    assert snapshot.forest is not None
    state["forest"] = forest_to_json(snapshot.forest)
    for key in ("reckoned", "incidents", "moves"):
        del state[key]
    path.write_text(json.dumps(state))
    assert load_snapshot(run, 1) == replace(snapshot, reckoned=snapshot.spent)
