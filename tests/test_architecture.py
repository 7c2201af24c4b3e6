"""The architecture, executable: sizes here, imports through import-linter."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MAX_FILE_LINES = 500
MAX_FUNCTION_LINES = 60


def _sources() -> Iterator[Path]:
    for folder in ("teachgym", "envs", "agents", "benchmarks", "tests", "examples"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            if not any(parent.is_symlink() for parent in path.parents):
                yield path


def too_long(source: str) -> list[str]:
    """What breaks the limits in a file; a function's docstring does not count."""
    problems = []
    if len(source.splitlines()) > MAX_FILE_LINES:
        problems.append(f"{len(source.splitlines())} lines")
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            docstring = ast.get_docstring(node, clean=False) or ""
            length = (node.end_lineno or 0) - node.lineno + 1 - docstring.count("\n")
            if length > MAX_FUNCTION_LINES:
                problems.append(f"{node.name}: {length} lines")
    return problems


@pytest.mark.parametrize("path", list(_sources()), ids=lambda p: str(p.relative_to(ROOT)))
def test_files_and_functions_are_short(path: Path) -> None:
    assert too_long(path.read_text()) == []


def test_the_size_check_sees_a_long_file_and_a_long_function() -> None:
    body = "    x = 1\n" * MAX_FUNCTION_LINES
    assert too_long("def f():\n" + body) == [f"f: {MAX_FUNCTION_LINES + 1} lines"]
    assert too_long("x = 1\n" * (MAX_FILE_LINES + 1)) == [f"{MAX_FILE_LINES + 1} lines"]


def test_imports_point_one_way() -> None:
    linter = Path(sys.executable).with_name("lint-imports")
    out = subprocess.run([linter], cwd=ROOT, capture_output=True, text=True)
    assert out.returncode == 0, out.stdout
