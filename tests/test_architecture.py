"""The architecture, executable; `lint-imports` sees who imports whom."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from textwrap import indent

import grimp
import numpy as np
import pytest
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

ROOT = Path(__file__).parents[1]
MAX_FILE_LINES = 500
MAX_FUNCTION_LINES = 60


def _sources() -> Iterator[Path]:
    for folder in ("teachgym", "envs", "agents", "benchmarks", "tests", "examples"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            if not any(parent.is_symlink() for parent in path.parents):
                yield path


def functions(node: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """All functions within; expressions, which hold none, are most of a tree."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
            yield child
        if not isinstance(child, ast.expr):
            yield from functions(child)


def too_long(source: str) -> list[str]:
    """What breaks the limits in a file; a function's docstring does not count."""
    problems = []
    if len(source.splitlines()) > MAX_FILE_LINES:
        problems.append(f"{len(source.splitlines())} lines")
    for function in functions(ast.parse(source)):
        docstring = ast.get_docstring(function, clean=False) or ""
        length = (function.end_lineno or 0) - function.lineno + 1 - docstring.count("\n")
        if length > MAX_FUNCTION_LINES:
            problems.append(f"{function.name}: {length} lines")
    return problems


def test_files_and_functions_are_short() -> None:
    problems = {str(p.relative_to(ROOT)): too_long(p.read_text()) for p in _sources()}
    assert {path: found for path, found in problems.items() if found} == {}


def test_the_size_check_sees_a_long_file_and_a_long_function() -> None:
    body = "    x = 1\n" * MAX_FUNCTION_LINES
    assert too_long("def f():\n" + body) == [f"f: {MAX_FUNCTION_LINES + 1} lines"]
    within = indent(f"async def f():\n{body}", "        ")
    assert too_long(f"if True:\n    class C:\n{within}") == [f"f: {MAX_FUNCTION_LINES + 1} lines"]
    assert too_long("x = 1\n" * (MAX_FILE_LINES + 1)) == [f"{MAX_FILE_LINES + 1} lines"]


def bare_signs(source: str) -> list[str]:
    """Formats of signed numbers that may show ``-0.00``: ``+.2f`` in place of ``+z.2f``."""
    if "+." not in source and "+,." not in source:
        return []
    return [
        spec.value
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.FormattedValue) and isinstance(node.format_spec, ast.JoinedStr)
        for spec in node.format_spec.values
        if isinstance(spec, ast.Constant) and spec.value.startswith(("+.", "+,."))
    ]


def test_no_signed_number_is_shown_as_a_negative_zero() -> None:
    shipped = [p for p in _sources() if p.relative_to(ROOT).parts[0] not in ("tests", "examples")]
    found = {str(path): bare_signs(path.read_text()) for path in shipped}
    assert {path: specs for path, specs in found.items() if specs} == {}


def test_the_check_of_signs_sees_one() -> None:
    assert bare_signs("print(f'{x:+.2f} {x:+z.2f} {x:.2f} {x:+d}')") == ["+.2f"]


def circles(imports: Mapping[str, Collection[str]]) -> list[list[str]]:
    """Groups of modules that import each other, directly or not."""
    names = sorted(imports)
    edges = [(names.index(a), names.index(b)) for a in names for b in imports[a]]
    graph = coo_array(
        (np.ones(len(edges)), tuple(zip(*edges, strict=True))), shape=(len(names),) * 2
    )
    _, group = connected_components(graph, connection="strong")
    found: dict[int, list[str]] = {}
    for name, number in zip(names, group.tolist(), strict=True):
        found.setdefault(number, []).append(name)
    return [members for members in found.values() if len(members) > 1]


def test_no_module_imports_in_a_circle_not_even_for_its_annotations() -> None:
    graph = grimp.build_graph("teachgym", cache_dir=None)
    imports = {m: graph.find_modules_directly_imported_by(m) for m in graph.modules}
    assert circles(imports) == []


def test_the_check_for_circles_sees_one() -> None:
    imports = {"a": ["b"], "b": ["c"], "c": ["a"], "d": ["a", "b"]}
    assert circles(imports) == [["a", "b", "c"]]


def asks_for_abilities(source: str) -> Iterator[int]:
    """Lines that look for a member by its name: what a Protocol should declare instead."""
    if not any(name in source for name in ("getattr", "hasattr", "setattr")):
        return
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and len(node.args) > 1:
            doubtful = len(node.args) > 2 or isinstance(node.args[1], ast.Constant)
            if node.func.id in ("hasattr", "setattr") or (node.func.id == "getattr" and doubtful):
                yield node.lineno


FOREIGN = {
    "benchmarks/speed/stacks.py": "a trainer of transformers",
    "teachgym/annotations.py": "types of the standard library",
    "teachgym/chat/local.py": "generation configurations of transformers",
    "teachgym/cli/bench.py": "notes of exceptions",
    "teachgym/images.py": "files that pillow reads",
    "teachgym/records.py": "errors of several kinds",
    "teachgym/registry.py": "modules, and what they hold",
    "teachgym/runs/files.py": "what an operating system has",
    "teachgym/runs/lock.py": "what an operating system has",
    "teachgym/shown.py": "fields of what is half made",
    "teachgym/students/gguf_files.py": "configurations of transformers",
    "teachgym/students/loading.py": "configurations of transformers",
    "teachgym/students/lora.py": "modules of torch",
    "teachgym/students/local/kernels.py": "functions of transformers",
    "teachgym/students/local/network.py": "configurations of transformers",
    "teachgym/students/local/pool.py": "configurations and tokenizers of transformers",
    "teachgym/students/preparing.py": "generation configurations of transformers",
    "teachgym/students/self_check.py": "configurations of transformers",
    "teachgym/students/local/stacking.py": "modules of torch",
    "teachgym/students/threads.py": "what an operating system has",
    "teachgym/settings.py": "types of the standard library",
}
"""Where a name may be looked for, since the object is of somebody else."""


def test_abilities_are_methods_and_nobody_looks_for_them_by_name() -> None:
    """Tasks, students, trainers and engines inherit what they do not write; see protocols.py."""
    asking = {
        str(path.relative_to(ROOT))
        for path in _sources()
        if "tests" not in path.parts and any(asks_for_abilities(path.read_text()))
    }
    assert asking <= FOREIGN.keys()


@pytest.mark.parametrize(
    "line",
    [
        'getattr(task, "stop", ())',
        "getattr(task, name, None)",
        "hasattr(task, name)",
        "setattr(self, name, getattr(task, name))",
    ],
)
def test_the_check_of_abilities_sees_them_looked_for(line: str) -> None:
    assert list(asks_for_abilities(f"x = 1\n{line}\n")) == [2]
    assert not list(asks_for_abilities("getattr(cost, currency)"))


LIGHT = (
    ("import teachgym.chat.settings, teachgym.chat.scripted", "openai torch pydantic"),
    ("import teachgym.engines", "openai torch pydantic"),
    ("import teachgym.agents", "sklearn torch scipy teachgym.agents.uniform"),
    ("import teachgym.evaluation", "torch"),
    (
        "from typer.testing import CliRunner; from teachgym.cli import app; "
        "assert CliRunner().invoke(app, ['run', '--help']).exit_code == 0",
        "torch transformers wandb matplotlib sklearn",
    ),
    (
        "from teachgym.experiment import RunConfig, check_config; check_config(RunConfig())",
        "torch",
    ),
    (
        "from teachgym.students import make_student; from teachgym.tasks import make_task; "
        "from teachgym.training import make_trainer; "
        "make_trainer(make_student('simulated', make_task('arithmetic-and-strings')))",
        "torch",
    ),
)
"""What is done, one thing after the other, and which modules are still not loaded then."""


def test_nothing_heavy_is_loaded_before_it_is_used() -> None:
    """In one process: what comes later finds what was loaded before."""
    script = "import sys\n" + "".join(
        f"{done}\nassert not {set(names.split())} & {{*sys.modules}}, {done!r}\n"
        for done, names in LIGHT
    )
    subprocess.run([sys.executable, "-c", script], check=True)
