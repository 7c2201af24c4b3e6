"""A snapshot of the environment as files of a run's folder, losslessly and without copies.

Weights are ``checkpoints/weights_<step>.safetensors``, the rest ``checkpoints/state_<step>.json``.
What the run's folder holds anyway is not written again: the data is the beginning of
``examples.jsonl``, the learning curve that of ``metrics.jsonl``, the forest's history that of
``moves.jsonl``, and the last report is the step's file of predictions. So a snapshot is as large
after many steps as after one.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from teachgym.errors import RunError
from teachgym.forest import Forest
from teachgym.forest.space import experience_from_json, forest_from_json, forest_to_json
from teachgym.records import (
    Record,
    example_from_json,
    prediction_from_json,
    prediction_to_json,
    score_from_json,
    scores_from_json,
    scores_to_json,
)
from teachgym.runs.files import (
    numbered,
    read_json,
    read_lines,
    replacing,
    stream_lines,
    write_json,
    write_lines,
    write_text,
)
from teachgym.runs.folder import RunFolder
from teachgym.snapshot import Best, Snapshot
from teachgym.types import Aid, Checkpoint, Cost, Growing, Incident, Report, Score, Split


def save_snapshot(run: RunFolder, snapshot: Snapshot) -> None:
    """Write a snapshot that ``env.snapshot()`` took.

    Its data must be in ``run.examples``, its curve in ``run.metrics`` and its forest's history in
    ``run.moves``.
    """
    assert snapshot.checkpoint is not None
    write_report(run.val_predictions(snapshot.step), snapshot.report)
    write_weights(_weights(run, snapshot.step), snapshot.checkpoint)
    best = _weights(run, snapshot.best.step)
    if not best.exists():
        write_weights(best, snapshot.best.checkpoint)
    write_text(_state(run, snapshot.step), json.dumps(_state_to_json(snapshot)))


def load_snapshot(run: RunFolder, step: int) -> Snapshot:
    """The snapshot after ``step`` steps.

    Raises:
        RunError: if it is not there; a run keeps its last one only.
    """
    state = read_json(_state(run, step))
    return Snapshot(
        entropy=state["entropy"],
        report=read_report(run.val_predictions(step), "val"),
        curve=Growing(map(_score, _first(run.metrics, step + 1))),
        best=Best(
            state["best"]["step"],
            state["best"]["accuracy"],
            read_weights(_weights(run, state["best"]["step"])),
        ),
        step=step,
        data=Growing(map(example_from_json, _first(run.examples, state["examples"]))),
        waiting=state.get("waiting", 0),
        stop_reason=state["stop_reason"],
        aids=tuple(map(_read_aid, state.get("aids", ()))),
        filters=state.get("filters", {}),
        forest=_forest(run, state),
        past=tuple(state.get("past", ())),
        tried={id_: Cost(**price) for id_, price in state.get("tried", {}).items()},
        checkpoint=read_weights(_weights(run, step)),
        spent=Cost(**state["spent"]),
        reckoned=Cost(**(state.get("reckoned") or state["spent"])),
        incidents=tuple(Incident(**incident) for incident in state.get("incidents", ())),
        rng_state=state["rng_state"],
    )


def read_forest(run: RunFolder, step: int) -> Forest | None:
    """The forest of the snapshot after ``step`` steps alone; None in environments without one.

    Raises:
        RunError: if the snapshot is not there.
    """
    return _forest(run, read_json(_state(run, step)))


def drop_old_snapshots(run: RunFolder, last: Snapshot) -> None:
    """Delete the files that ``last`` does not need."""
    needed = {_state(run, last.step), _weights(run, last.step), _weights(run, last.best.step)}
    for path in run.checkpoints.iterdir():
        if path not in needed:
            path.unlink()


def last_snapshot(run: RunFolder, step: int, every: int) -> int:
    """The step of the last snapshot that is not after ``step``; 0 = none.

    Raises:
        RunError: if the one is missing that is there with a snapshot every so many steps.
    """
    expected = step - step % every
    found = max((s for s in numbered(run.checkpoints, "state_*.json") if s <= step), default=0)
    if found < expected:
        raise RunError(f"{_state(run, expected)} is missing; restore it from a copy")
    return found


def steps_of_predictions(run: RunFolder) -> list[int]:
    """The steps whose predictions on ``val`` are there, ascending; 0 = the untrained student."""
    return [*numbered(run.predictions, "step_*.jsonl")]


def prune_predictions(run: RunFolder, steps: Iterable[int]) -> None:
    """Delete the predictions of some steps, as far as they are there."""
    for step in steps:
        path = run.val_predictions(step)
        for file in filter(Path.exists, (path, _metrics(path))):
            file.unlink()


def write_report(path: Path, report: Report) -> None:
    """Write the predictions of a report, one per line, and beside them its metrics, if any."""
    if report.metrics:
        write_json(_metrics(path), scores_to_json(report.metrics))
    write_lines(path, map(prediction_to_json, report.predictions))


def read_report(path: Path, split: Split) -> Report:
    """Inverse of ``write_report``.

    Raises:
        RunError: if the file is missing.
    """
    if not path.exists():
        raise RunError(f"{path} is missing; restore it from a copy")
    metrics = read_json(_metrics(path)) if _metrics(path).exists() else {}
    predictions = tuple(map(prediction_from_json, read_lines(path)))
    return Report(predictions, split, scores_from_json(metrics))


def _metrics(predictions: Path) -> Path:
    """The path of the metrics that belong to a file of predictions."""
    return predictions.with_suffix(".json")


def _read_aid(record: Record) -> Aid:
    places = record["places"]
    return Aid(**{**record, "places": None if places is None else tuple(places)})


def _state_to_json(snapshot: Snapshot) -> Record:
    forest, tried = snapshot.forest, snapshot.tried
    return {
        "entropy": snapshot.entropy,
        "best": {"step": snapshot.best.step, "accuracy": snapshot.best.accuracy},
        "examples": len(snapshot.data),
        "waiting": snapshot.waiting,
        "stop_reason": snapshot.stop_reason,
        **({"aids": [asdict(aid) for aid in snapshot.aids]} if snapshot.aids else {}),
        **({"filters": dict(snapshot.filters)} if snapshot.filters else {}),
        "forest": forest and forest_to_json(replace(forest, history=Growing())),
        "moves": len(forest.history) if forest else 0,
        **({"past": list(snapshot.past)} if snapshot.past else {}),
        **({"tried": {id_: c.as_dict() for id_, c in tried.items()}} if tried else {}),
        "spent": snapshot.spent.as_dict(),
        "reckoned": snapshot.reckoned.as_dict(),
        "incidents": [asdict(incident) for incident in snapshot.incidents],
        "rng_state": dict(snapshot.rng_state),
    }


def _forest(run: RunFolder, state: Record) -> Forest | None:
    if state["forest"] is None:
        return None
    forest = forest_from_json(state["forest"])
    moves = _first(run.moves, state.get("moves", 0))
    return replace(forest, history=forest.history.longer(map(experience_from_json, moves)))


def _first(path: Path, count: int) -> list[Any]:
    """So many values from the beginning of a file of lines, which must have them."""
    values = list(stream_lines(path, count))
    if len(values) < count:
        raise RunError(f"{path} has {len(values)} of {count} lines; restore it from a copy")
    return values


def _score(numbers: Record) -> Score:
    """The point of the learning curve in a line of metrics."""
    score = {"n": numbers["n"], "mean": numbers["accuracy"], "stderr": numbers["stderr"]}
    return score_from_json(score)


def _state(run: RunFolder, step: int) -> Path:
    return run.checkpoints / f"state_{step:03d}.json"


def _weights(run: RunFolder, step: int) -> Path:
    return run.checkpoints / f"weights_{step:03d}.safetensors"


def write_weights(path: Path, checkpoint: Checkpoint) -> None:
    """Write named arrays to a file, whole or not at all."""
    from safetensors.numpy import save_file

    # safetensors writes an array's memory as it lies, whatever its strides.
    arrays = {name: np.asarray(a, order="C") for name, a in checkpoint.arrays.items()}
    with replacing(path) as temporary:
        save_file(arrays, temporary)


def read_weights(path: Path) -> Checkpoint:
    """The named arrays of a file.

    Raises:
        RunError: if it is missing.
    """
    from safetensors.numpy import load_file

    if not path.exists():
        raise RunError(f"{path} is missing; restore it from a copy")
    return Checkpoint(load_file(path))
