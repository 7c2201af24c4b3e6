"""A snapshot of the environment as files of a run's folder, losslessly and without copies.

Weights are ``checkpoints/weights_<step>.safetensors``, the rest ``checkpoints/state_<step>.json``.
What the run's folder holds anyway is not written again: the data is the beginning of
``examples.jsonl`` and the last report is the step's file of predictions.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import numpy as np

from teachgym.errors import RunError
from teachgym.records import (
    Record,
    example_from_json,
    prediction_from_json,
    prediction_to_json,
)
from teachgym.runs.files import read_json, read_lines, replacing
from teachgym.runs.folder import RunFolder
from teachgym.skills import Forest
from teachgym.skills.view import forest_from_json, forest_to_json
from teachgym.snapshot import Best, Snapshot
from teachgym.types import Checkpoint, Cost, Growing, Report, SkillScore, Split


def save_snapshot(run: RunFolder, snapshot: Snapshot) -> None:
    """Write a snapshot that ``env.snapshot()`` took; its data must be in ``run.examples``."""
    assert snapshot.checkpoint is not None
    write_report(run.val_predictions(snapshot.step), snapshot.report)
    _write_weights(_weights(run, snapshot.step), snapshot.checkpoint)
    best = _weights(run, snapshot.best.step)
    if not best.exists():
        _write_weights(best, snapshot.best.checkpoint)
    with replacing(_state(run, snapshot.step)) as temporary:
        temporary.write_text(json.dumps(_state_to_json(snapshot)), encoding="ascii")


def load_snapshot(run: RunFolder, step: int) -> Snapshot:
    """The snapshot after ``step`` steps.

    Raises:
        RunError: if it is not there; a run keeps its last one only.
    """
    state = read_json(_state(run, step))
    examples = read_lines(run.examples)[: state["examples"]]
    if len(examples) < state["examples"]:
        raise RunError(f"{run.examples} lacks examples of step {step}; restore it from a copy")
    return Snapshot(
        entropy=state["entropy"],
        report=read_report(run.val_predictions(step), "val"),
        curve=Growing(SkillScore(**score) for score in state["curve"]),
        best=Best(
            state["best"]["step"],
            state["best"]["accuracy"],
            _read_weights(_weights(run, state["best"]["step"])),
        ),
        step=step,
        data=Growing(map(example_from_json, examples)),
        stop_reason=state["stop_reason"],
        forest=_forest(state),
        checkpoint=_read_weights(_weights(run, step)),
        spent=Cost(**state["spent"]),
        rng_state=state["rng_state"],
    )


def read_forest(run: RunFolder, step: int) -> Forest | None:
    """The forest of the snapshot after ``step`` steps alone; None in environments without one.

    Raises:
        RunError: if the snapshot is not there.
    """
    return _forest(read_json(_state(run, step)))


def drop_old_snapshots(run: RunFolder, last: Snapshot) -> None:
    """Delete the files that ``last`` does not need."""
    needed = {_state(run, last.step), _weights(run, last.step), _weights(run, last.best.step)}
    for path in run.checkpoints.iterdir():
        if path not in needed:
            path.unlink()


def write_report(path: Path, report: Report) -> None:
    """Write the predictions of a report, one per line."""
    with replacing(path) as temporary:
        lines = (json.dumps(prediction_to_json(p)) + "\n" for p in report.predictions)
        temporary.write_text("".join(lines), encoding="ascii")


def read_report(path: Path, split: Split) -> Report:
    """Inverse of ``write_report``.

    Raises:
        RunError: if the file is missing.
    """
    if not path.exists():
        raise RunError(f"{path} is missing; restore it from a copy")
    return Report(tuple(map(prediction_from_json, read_lines(path))), split)


def _state_to_json(snapshot: Snapshot) -> Record:
    return {
        "entropy": snapshot.entropy,
        "curve": [asdict(score) for score in snapshot.curve],
        "best": {"step": snapshot.best.step, "accuracy": snapshot.best.accuracy},
        "examples": len(snapshot.data),
        "stop_reason": snapshot.stop_reason,
        "forest": snapshot.forest and forest_to_json(snapshot.forest),
        "spent": snapshot.spent.as_dict(),
        "rng_state": dict(snapshot.rng_state),
    }


def _forest(state: Record) -> Forest | None:
    return None if state["forest"] is None else forest_from_json(state["forest"])


def _state(run: RunFolder, step: int) -> Path:
    return run.checkpoints / f"state_{step:03d}.json"


def _weights(run: RunFolder, step: int) -> Path:
    return run.checkpoints / f"weights_{step:03d}.safetensors"


def _write_weights(path: Path, checkpoint: Checkpoint) -> None:
    from safetensors.numpy import save_file

    # safetensors writes an array's memory as it lies, whatever its strides.
    arrays = {name: np.asarray(a, order="C") for name, a in checkpoint.arrays.items()}
    with replacing(path) as temporary:
        save_file(arrays, temporary)


def _read_weights(path: Path) -> Checkpoint:
    from safetensors.numpy import load_file

    if not path.exists():
        raise RunError(f"{path} is missing; restore it from a copy")
    return Checkpoint(load_file(path))
