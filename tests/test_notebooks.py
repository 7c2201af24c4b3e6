"""The notebooks run from the first cell to the last, and say what they are kept with."""

from __future__ import annotations

import json
import runpy
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
NOTEBOOKS = sorted((ROOT / "docs" / "notebooks").glob("*.ipynb"))
SLOW = {"1-first-hour", "3-llm-teacher", "4-train-a-teacher"}
MOST_BYTES = 60_000
run_notebook: Any = runpy.run_path(str(ROOT / "docs" / "make_notebooks.py"))["run_notebook"]


def kinds(outputs: list[dict[str, Any]]) -> list[tuple[str, list[str]]]:
    """What was said, but for its words, which may be of another version of a package."""
    return [(output["output_type"], sorted(output.get("data", ()))) for output in outputs]


@pytest.mark.parametrize(
    "path",
    [
        pytest.param(path, id=path.stem, marks=[pytest.mark.slow] if path.stem in SLOW else [])
        for path in NOTEBOOKS
    ],
)
def test_a_notebook_runs_and_says_what_it_is_kept_with(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    cells = list(run_notebook(json.loads(path.read_text())))
    assert [kinds(said) for _, said in cells] == [kinds(cell["outputs"]) for cell, _ in cells]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_small_and_is_one(path: Path) -> None:
    nbformat = json.loads(path.read_text())
    assert path.stat().st_size < MOST_BYTES
    assert (nbformat["nbformat"], nbformat["nbformat_minor"]) == (4, 5)
    ids = [cell["id"] for cell in nbformat["cells"]]
    assert len(set(ids)) == len(ids)


def test_outputs_are_what_jupyter_shows() -> None:
    """What is printed, then the value of the last line, unless it is None."""
    source = [
        "class Shown:\n",
        "    def _repr_html_(self): return '<b>'\n",
        "print(1)\n",
        "Shown()",
    ]
    notebook = {"cells": [{"cell_type": "markdown"}, {"cell_type": "code", "source": source}]}
    [(_, [printed, value])] = run_notebook(notebook)
    assert printed == {"output_type": "stream", "name": "stdout", "text": ["1\n"]}
    assert value["data"] == {
        "text/plain": ["<__main__.Shown object>"],
        "text/html": ["<b>"],
    }
    quiet = {"cells": [{"cell_type": "code", "source": ["None"]}]}
    assert list(run_notebook(quiet)) == [(quiet["cells"][0], [])]


def test_a_page_of_the_site_has_every_cell_and_what_it_said() -> None:
    page_of: Any = runpy.run_path(str(ROOT / "docs" / "make_notebook_pages.py"))["page_of"]
    outputs = [
        {"output_type": "stream", "text": ["1\n"]},
        {"data": {"text/plain": ["T"], "text/html": ["<table>"]}},
        {"data": {"text/plain": ["P"], "image/png": "iVBO"}},
        {"data": {"text/plain": ["'a'"]}},
    ]
    cells = [
        {"cell_type": "markdown", "source": ["# Title\n", "\n", "words"]},
        {"cell_type": "code", "source": ["print(1)"], "outputs": outputs},
    ]
    assert page_of({"cells": cells}, "a.ipynb").split("\n\n") == [
        "# Title",
        "[Download the notebook](a.ipynb) and run it in Jupyter.",
        "words",
        "```python\nprint(1)\n```",
        "```text\n1\n```",
        "<table>",
        '<img alt="What the cell drew" src="data:image/png;base64,iVBO">',
        "```text\n'a'\n```\n",
    ]
