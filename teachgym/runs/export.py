"""Exports of a finished run: its training data as a data set, its student as a model."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal, get_args

from jinja2 import Environment, StrictUndefined

from teachgym.errors import RunError, require_known, require_packages
from teachgym.escaping import markdown, markdown_name
from teachgym.images import ImageStore
from teachgym.records import Record, example_to_json
from teachgym.redaction import hide, redact
from teachgym.runs.files import check_writable, refuse_links, replacing, settle
from teachgym.runs.folder import RunFolder
from teachgym.runs.lock import holding
from teachgym.runs.provenance import read_record
from teachgym.runs.result import RunResult, read_result
from teachgym.runs.taught import read_taught
from teachgym.types import EXERCISE, Example

Format = Literal["jsonl", "parquet"]

_COLUMNS = (
    *("prompt", "target", "rejected", "skill", "subskill", "difficulty", "step", "writer", "hint"),
    *("seeds", "kind", "meta", "loss", "images", "turns", "spans", "soft_labels"),
)


def export_dataset(
    run: RunFolder, out: Path, *, format: Format = "jsonl", license: str = "unknown"
) -> Path:
    """Write the training data of a finished run as a folder that ``datasets`` opens, with a card.

    ``datasets.load_dataset(str(out))`` gives one split, ``train``, with a row per example.

    Args:
        run: a finished run.
        out: a new folder.
        format: of the data file; ``parquet`` needs the extra ``math`` (pyarrow).
        license: for the card's field; what the data may be used for depends on who wrote it, and
            nobody but you can know.

    Returns:
        ``out``.

    Raises:
        RunError: if the run is not finished, somebody else works on it, examples are missing, or
            ``out`` exists.
        ConfigError: for another format, and a picture that is missing or damaged.
    """
    require_known("format", [format], get_args(Format))
    write = {"jsonl": write_rows, "parquet": _write_parquet}[format]
    with exporting(run, out) as (result, folder):
        rows = [_row(example, loss) for example, loss in read_taught(run)]
        (folder / "data").mkdir(parents=True)
        write(folder / "data" / f"train.{format}", rows)
        _copy_images(folder / "images", rows)
        config: Mapping[str, Any] = read_record(run)
        write_card(
            folder,
            "dataset",
            result=result,
            config=config,
            chat=config["config"].get("chat") or {},
            rows=rows,
            writers=sorted({row["writer"] for row in rows if row["writer"]}),
            skills=sorted({row["skill"] for row in rows}),
            format=format,
            license=license,
        )
    return out


def export_student(run: RunFolder, out: Path) -> Path:
    """Copy the student that was best on ``val``, in the form its own ecosystem loads.

    Raises:
        RunError: if the run is not finished, somebody else works on it, a link leads out of it, or
            ``out`` exists.
    """
    with exporting(run, out) as (_, folder):
        refuse_links(run.student)
        shutil.copytree(run.student, folder)
    return out


@contextmanager
def exporting(run: RunFolder, out: Path) -> Iterator[tuple[RunResult, Path]]:
    """The result, and a temporary folder that becomes ``out``; the run is held meanwhile."""
    out = settle(out)
    if out.exists():
        raise RunError(f"{out} exists; give a new folder")
    check_writable(out)
    with holding(run.path, "export", reads=True):
        result = read_result(run, whole=True)
        with replacing(out, new=True) as folder:
            yield result, folder


def _row(example: Example, loss: float | None) -> Record:
    """One type per column; what is not there is null."""
    record = {"kind": EXERCISE, **example_to_json(example)}
    made = record["provenance"] or {}
    values = {
        **record,
        "subskill": made.get("subskill") or None,
        "step": made.get("step"),
        "writer": made.get("teacher") or None,
        "hint": made.get("hint") or None,
        "seeds": made.get("seeds", []),
        "meta": json.dumps(record["meta"]) if "meta" in record else None,
        "loss": loss,
    }
    return {name: values[name] for name in _COLUMNS}


def _copy_images(folder: Path, rows: list[Record]) -> None:
    """The pictures that rows name, as ``<name>.png``; no folder if there are none."""
    store = ImageStore()
    for name in dict.fromkeys(name for row in rows for name in row["images"]):
        folder.mkdir(exist_ok=True)
        (folder / f"{name}.png").write_bytes(store.get(name))


def write_rows(path: Path, rows: Iterable[Record]) -> None:
    """Write a JSON object a line."""
    lines = (json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    path.write_text(hide("".join(lines)), encoding="utf-8")


def _write_parquet(path: Path, rows: list[Record]) -> None:
    require_packages("math", "pyarrow")
    import pyarrow as pa
    import pyarrow.parquet as pq

    text, number = pa.string(), pa.float64()
    turn = {"response": text, "reply": text, "learned": pa.bool_()}
    types = {
        "difficulty": number,
        "step": pa.int64(),
        "loss": number,
        "seeds": pa.list_(text),
        "images": pa.list_(text),
        "turns": pa.list_(pa.struct(turn)),
        "spans": pa.list_(pa.struct({"text": text, "weight": number})),
        "soft_labels": pa.list_(pa.struct({"response": text, "probability": number})),
    }
    schema = pa.schema([(name, types.get(name, text)) for name in _COLUMNS])
    pq.write_table(pa.Table.from_pylist(rows, schema=schema), path)


def write_card(folder: Path, kind: str, **facts: Any) -> None:
    """Write a data set's ``README.md`` from the template of its kind."""
    template = (files("teachgym.runs") / "cards" / f"{kind}.md").read_text(encoding="utf-8")
    environment = Environment(undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters |= {"markdown": markdown, "name": markdown_name}
    card = environment.from_string(template).render(facts)
    (folder / "README.md").write_text(redact(card), encoding="utf-8")
