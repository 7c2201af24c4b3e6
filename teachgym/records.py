"""Words as plain JSON: what run folders, Gymnasium's ``to_jsonable`` and other tools read.

One object per line, in the order of the dataclass fields; every key is always present, but for
those that are said to be left out where they would say nothing; pairs are
objects too, so each column has one type and ``datasets.load_dataset("json", data_files=...)``
loads a file as it is. A score that was not measured is ``null``.
"""

from __future__ import annotations

import gzip
import itertools
import json
import math
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from teachgym.errors import ConfigError, require_known
from teachgym.shown import shown
from teachgym.types import (
    CURRENCIES,
    EXERCISE,
    NOT_MEASURED,
    Cost,
    Data,
    Example,
    Prediction,
    Provenance,
    Report,
    Score,
    Turn,
)

Record = dict[str, Any]
"""A JSON object."""


def dotted(record: Mapping[str, Any]) -> dict[str, Any]:
    """The values of nested tables by their dotted names.

    Example:
        >>> dotted({"budget": {"steps": 2}, "student": "tiny", "gate": {}})
        {'budget.steps': 2, 'student': 'tiny'}
    """
    flat: dict[str, Any] = {}
    for name, value in record.items():
        inner = dotted(value) if isinstance(value, Mapping) else {"": value}
        flat |= {f"{name}.{key}".rstrip("."): item for key, item in inner.items()}
    return flat


def read_text(path: Path, most: int) -> str:
    """A text file that people wrote: UTF-8, with or without a byte order mark.

    Args:
        path: of the file.
        most: bytes at most.

    Raises:
        ConfigError: if it is missing, larger, or of another encoding.
    """
    try:
        with path.open("rb") as file:
            content = file.read(most + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ConfigError(f"{shown(str(path))[1:-1]} cannot be read: {reason}") from error
    if len(content) > most:
        raise ConfigError(f"{path} is larger than {most:,} bytes; give a smaller file")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} is not UTF-8 text: {error}") from error


def lines_of(path: Path, longest: int | None = None) -> Iterator[tuple[int, str]]:
    """The lines of a text file, from 1, without the empty ones and a byte order mark.

    A file whose name ends in ``.gz`` is unpacked.

    Raises:
        ConfigError: if it is missing, damaged, of another encoding, or a line is longer than
            so many bytes, by default ``MAX_LINE``.
    """
    longest = longest or MAX_LINE
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            for number in itertools.count(1):
                line = file.readline(longest + 1)
                if not line:
                    return
                if len(line) > longest:
                    raise ConfigError(
                        f"{path}:{number} is longer than {longest:,} bytes; an example, or a row, "
                        "is a line of its own and shorter"
                    )
                text = line.decode("utf-8-sig" if number == 1 else "utf-8")
                if text.strip():
                    yield number, text
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} is not UTF-8 text: {error}") from error
    except (OSError, EOFError, zlib.error) as error:
        reason = error.strerror if isinstance(error, OSError) else None
        raise ConfigError(f"{path} cannot be read: {reason or error}") from error


MAX_LINE = 10**7
"""Bytes of one line of a file."""

_EXAMPLE_KEYS = tuple(f.name for f in fields(Example))
_PROVENANCE_KEYS = tuple(f.name for f in fields(Provenance))


def example_to_json(example: Example) -> Record:
    """The example as a JSON object; ``kind`` and ``meta`` are there where they say something.

    Example:
        >>> example = Example("1+1=", "2", "add")
        >>> record = example_to_json(example)
        >>> record["prompt"], record["spans"], record["provenance"]
        ('1+1=', [], None)
        >>> example_from_json(record) == example
        True
    """
    record = {key: getattr(example, key) for key in _EXAMPLE_KEYS}
    record["spans"] = [{"text": text, "weight": weight} for text, weight in example.spans]
    record["soft_labels"] = [{"response": r, "probability": p} for r, p in example.soft_labels]
    if example.kind == EXERCISE:
        del record["kind"]
    if not example.meta:
        del record["meta"]
    record["images"], record["turns"] = list(example.images), turns_to_json(example.turns)
    if (made := example.provenance) is not None:
        record["provenance"] = {
            "seeds": list(made.seeds),
            "teacher": made.teacher,
            "step": made.step,
            "cost": None if made.cost is None else made.cost.as_dict(),
            "hint": made.hint,
            "subskill": made.subskill,
            **({} if made.rating is None else {"rating": made.rating}),
        }
    return record


def example_from_json(record: Mapping[str, Any]) -> Example:
    """Inverse of ``example_to_json``; optional keys may be missing, so hand-made data loads too.

    Raises:
        ConfigError: if ``prompt``, ``target`` or ``skill`` is missing, or a key is unknown.
    """
    values = _known(record, _EXAMPLE_KEYS, "key of an example")
    missing = [key for key in ("prompt", "target", "skill") if key not in values]
    if missing:
        raise ConfigError(f"an example has no {missing[0]!r}; its keys are {', '.join(values)}")
    values["spans"] = tuple((s["text"], s["weight"]) for s in values.get("spans", ()))
    values["soft_labels"] = tuple(
        (s["response"], s["probability"]) for s in values.get("soft_labels", ())
    )
    values["images"] = tuple(values.get("images", ()))
    values["turns"] = turns_from_json(values.get("turns", ()))
    if values.get("provenance") is not None:
        values["provenance"] = _provenance_from_json(values["provenance"])
    return Example(**values)


def turns_to_json(turns: Iterable[Turn]) -> list[Record]:
    """Exchanges as JSON objects, with ``learned`` where that is false."""
    return [
        {"response": t.response, "reply": t.reply, **({} if t.learned else {"learned": False})}
        for t in turns
    ]


def turns_from_json(records: Iterable[Mapping[str, Any]]) -> tuple[Turn, ...]:
    """Inverse of ``turns_to_json``."""
    return tuple(Turn(r["response"], r["reply"], r.get("learned", True)) for r in records)


def example_of_verdict(record: Mapping[str, Any]) -> Example:
    """The example of a line of ``rejected.jsonl``; of what is none, one whose prompt shows it."""
    if record["example"] is None:
        return Example(record["item"], "", "")
    return example_from_json(record["example"])


def prediction_to_json(prediction: Prediction) -> Record:
    """The prediction as a JSON object with keys ``example``, ``response`` and ``score``.

    And with ``parts``, part to score, where the task tells parts apart, ``turns`` where it
    answered back, and ``student`` where there are several.
    """
    parts = {name: _or_none(score) for name, score in prediction.parts.items()}
    return {
        "example": example_to_json(prediction.example),
        "response": prediction.response,
        "score": _or_none(prediction.score),
        **({"parts": parts} if parts else {}),
        **({"turns": turns_to_json(prediction.turns)} if prediction.turns else {}),
        **({"student": prediction.student} if prediction.student else {}),
    }


def prediction_from_json(record: Mapping[str, Any]) -> Prediction:
    """Inverse of ``prediction_to_json``."""
    return Prediction(
        example_from_json(record["example"]),
        record["response"],
        _or_nan(record["score"]),
        {name: _or_nan(score) for name, score in record.get("parts", {}).items()},
        turns_from_json(record.get("turns", ())),
        record.get("student", ""),
    )


def report_to_json(report: Report) -> Record:
    """The report as a JSON object with keys ``split`` and ``predictions``.

    And with ``metrics``, name to score, where the task has some.
    """
    return {
        "split": report.split,
        "predictions": [prediction_to_json(p) for p in report.predictions],
        **({"metrics": scores_to_json(report.metrics)} if report.metrics else {}),
    }


def report_from_json(record: Mapping[str, Any]) -> Report:
    """Inverse of ``report_to_json``."""
    predictions = tuple(map(prediction_from_json, record["predictions"]))
    return Report(predictions, record["split"], scores_from_json(record.get("metrics", {})))


def score_to_json(score: Score) -> Record:
    """The score as a JSON object; a mean or an error that is not known is ``null``."""
    return {name: _or_none(number) for name, number in asdict(score).items()}


def score_from_json(record: Mapping[str, Any]) -> Score:
    """Inverse of ``score_to_json``."""
    return Score(record["n"], _or_nan(record["mean"]), _or_nan(record["stderr"]))


def scores_to_json(scores: Mapping[str, Score]) -> Record:
    """Named scores as a JSON object."""
    return {name: score_to_json(score) for name, score in scores.items()}


def scores_from_json(record: Mapping[str, Any]) -> dict[str, Score]:
    """Inverse of ``scores_to_json``."""
    return {name: score_from_json(score) for name, score in record.items()}


def _or_none(number: float) -> float | None:
    return None if math.isnan(number) else number


def _or_nan(number: float | None) -> float:
    return NOT_MEASURED if number is None else number


def read_examples(path: Path) -> Data:
    """Read a JSON Lines file of examples, such as a run's ``examples.jsonl``.

    Raises:
        ConfigError: for a line that is not an example; names the file and the line.
    """
    return tuple(parse_example(line, f"{path}:{n}") for n, line in lines_of(path))


def by_step(data: Data) -> tuple[Data, ...]:
    """Recorded examples by the environment step they were trained in, steps ascending.

    Each element is one action of the Open-Ended environment, so stepping through them replays a
    recorded run on any student::

        for data in by_step(read_examples(run / "examples.jsonl")):
            env.step(data)
    """
    groups: dict[int, list[Example]] = {}
    for example in data:
        groups.setdefault(example.step, []).append(example)
    return tuple(tuple(groups[number]) for number in sorted(groups))


def parse_example(line: str | bytes, place: str) -> Example:
    """The example in a line of JSON; ``ConfigError`` for what is none, with its ``place``."""
    try:
        return example_from_json(json.loads(line))
    except (TypeError, KeyError, ValueError, AttributeError, RecursionError) as error:
        raise ConfigError(f"{place} is not an example: {error}") from error


def _provenance_from_json(record: Mapping[str, Any]) -> Provenance:
    values = _known(record, _PROVENANCE_KEYS, "key of a provenance")
    values["seeds"] = tuple(values.get("seeds", ()))
    if values.get("cost") is not None:
        values["cost"] = Cost(**_known(values["cost"], CURRENCIES, "currency"))
    return Provenance(**values)


def _known(record: Mapping[str, Any], keys: tuple[str, ...], kind: str) -> Record:
    """A copy of the record, whose keys are all among ``keys``."""
    require_known(kind, record, keys)
    return dict(record)
