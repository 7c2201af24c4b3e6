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
from teachgym.records import Record, turns_to_json
from teachgym.redaction import hide, redact
from teachgym.runs.files import check_writable, read_json, refuse_links, replacing, settle
from teachgym.runs.folder import RunFolder
from teachgym.runs.journal import Journal
from teachgym.runs.lock import holding
from teachgym.runs.result import RunResult, read_result
from teachgym.runs.taught import read_taught
from teachgym.types import Example

Format = Literal["jsonl", "parquet"]


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
        config: Mapping[str, Any] = read_json(run.config)
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
        result = read_result(run)
        journal = Journal(run.journal)
        if journal.has_digests:
            journal.require_intact()
        out.parent.mkdir(parents=True, exist_ok=True)
        with replacing(out, new=True) as folder:
            yield result, folder


def _row(example: Example, loss: float | None) -> Record:
    """One type per column; what is not there is null."""
    made = example.provenance
    return {
        "prompt": example.prompt,
        "target": example.target,
        "rejected": example.rejected,
        "skill": example.skill,
        "subskill": (made.subskill or None) if made else None,
        "difficulty": example.difficulty,
        "step": made.step if made else None,
        "writer": (made.teacher or None) if made else None,
        "hint": (made.hint or None) if made else None,
        "seeds": list(made.seeds) if made else [],
        "kind": example.kind,
        "meta": json.dumps(example.meta) if example.meta else None,
        "loss": loss,
        "images": list(example.images),
        "turns": turns_to_json(example.turns),
    }


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

    texts = ("prompt", "target", "rejected", "skill", "subskill", "writer", "hint", "kind", "meta")
    types = {
        **dict.fromkeys(texts, pa.string()),
        "difficulty": pa.float64(),
        "step": pa.int64(),
        "loss": pa.float64(),
        "seeds": pa.list_(pa.string()),
        "images": pa.list_(pa.string()),
        "turns": pa.list_(
            pa.struct({"response": pa.string(), "reply": pa.string(), "learned": pa.bool_()})
        ),
    }
    schema = pa.schema([(name, types[name]) for name in _row(Example("", "", ""), None)])
    pq.write_table(pa.Table.from_pylist(rows, schema=schema), path)


def write_card(folder: Path, kind: str, **facts: Any) -> None:
    """Write a data set's ``README.md`` from the template of its kind."""
    template = (files("teachgym.runs") / "cards" / f"{kind}.md").read_text(encoding="utf-8")
    environment = Environment(undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters |= {"markdown": markdown, "name": markdown_name}
    card = environment.from_string(template).render(facts)
    (folder / "README.md").write_text(redact(card), encoding="utf-8")
