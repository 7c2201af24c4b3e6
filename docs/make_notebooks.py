"""Run the notebooks and keep what their cells say: python docs/make_notebooks.py.

Cells are run as Jupyter runs them: in order, in one namespace, the value of a last expression
shown. Jupyter itself is not needed.
"""

from __future__ import annotations

import ast
import io
import json
import os
import re
import sys
from base64 import b64encode
from collections.abc import Iterator
from contextlib import chdir, redirect_stdout
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

NOTEBOOKS = Path(__file__).parent / "notebooks"
Output = dict[str, Any]


def run_notebook(notebook: dict[str, Any]) -> Iterator[tuple[dict[str, Any], list[Output]]]:
    """Run the cells of code of a notebook in the current folder; each with what it says."""
    names: dict[str, Any] = {"__name__": "__main__"}
    code = (cell for cell in notebook["cells"] if cell["cell_type"] == "code")
    for number, cell in enumerate(code, 1):
        yield cell, list(_run("".join(cell["source"]), names, number))


def _run(source: str, names: dict[str, Any], number: int) -> Iterator[Output]:
    tree, last, printed = ast.parse(source), None, io.StringIO()
    if isinstance(tree.body[-1], ast.Expr):
        last = ast.Expression(tree.body.pop().value)
    with redirect_stdout(printed):
        exec(compile(tree, f"cell {number}", "exec"), names)
        value = eval(compile(last, f"cell {number}", "eval"), names) if last else None
    if said := printed.getvalue():
        yield {"output_type": "stream", "name": "stdout", "text": _lines(said)}
    if value is not None:
        yield {
            "output_type": "execute_result",
            "execution_count": number,
            "metadata": {},
            "data": dict(_views(value)),
        }


def _views(value: Any) -> Iterator[tuple[str, Any]]:
    """What a value can be shown as, by the methods that Jupyter asks for."""
    yield "text/plain", _lines(re.sub(" at 0x[0-9A-Fa-f]+", "", repr(value)))
    kind = type(value)
    if "_repr_html_" in dir(kind):
        yield "text/html", _lines(value._repr_html_())
    if "_repr_png_" in dir(kind):
        yield "image/png", b64encode(value._repr_png_()).decode()


def _lines(text: str) -> list[str]:
    return text.splitlines(keepends=True)


def main() -> None:
    """Run all notebooks, or those that are named, and write them with their outputs."""
    for path in map(Path, sys.argv[1:]) if sys.argv[1:] else sorted(NOTEBOOKS.glob("*.ipynb")):
        notebook = json.loads(path.read_text())
        path = path.absolute()
        with TemporaryDirectory() as temporary, chdir(temporary):
            for number, (cell, outputs) in enumerate(run_notebook(notebook), 1):
                cell |= {"execution_count": number, "outputs": outputs}
        path.write_text(json.dumps(notebook, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    main()
