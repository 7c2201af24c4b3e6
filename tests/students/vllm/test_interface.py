"""What the backend asks of vLLM is in the sources of the package; nothing of it is imported or run.

pip install --no-deps --target FOLDER vllm        # no GPU and none of its libraries are needed
PYTHONPATH=FOLDER pytest tests/students/vllm/test_interface.py
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from teachgym.students.vllm.server import ENVIRONMENT, RANKS, serve_command
from teachgym.students.vllm.student import PLAIN_SAMPLING

SPEC = find_spec("vllm")
pytestmark = pytest.mark.skipif(SPEC is None, reason="the sources of vLLM are not there")
ASKED = ("model", "prompt", "max_tokens", "stop_token_ids", "stop", "temperature", "seed")
ENDPOINTS = ("/health", "/v1/completions", "/v1/load_lora_adapter", "/v1/unload_lora_adapter")
SLEEPING = ("/sleep", "/wake_up", "/is_sleeping")


def trees(*under: str) -> Iterator[ast.Module]:
    """The modules of some folders, or files, of the package."""
    assert SPEC is not None
    assert SPEC.submodule_search_locations is not None
    (root,) = SPEC.submodule_search_locations
    for place in under:
        path = Path(root, place)
        for file in sorted(path.rglob("*.py")) if path.is_dir() else [path]:
            yield ast.parse(file.read_text())


def fields(name: str, *under: str) -> set[str]:
    """The annotated fields of all classes of a name."""
    return {
        statement.target.id
        for tree in trees(*under)
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef) and node.name == name
        for statement in node.body
        if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name)
    }


def strings(*under: str) -> set[str]:
    return {
        node.value
        for tree in trees(*under)
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }


def test_the_options_of_the_server_exist() -> None:
    words = serve_command("base", 1, rank=8, count=2, dtype="bfloat16", context=99)
    options = {word for word in words if word.startswith("--")} - {"--host", "--port"}
    assert len(options) == 9
    assert options <= strings("engine/arg_utils.py")
    assert {"host", "port"} <= fields("FrontendArgs", "entrypoints")
    assert set(ENVIRONMENT) <= strings("envs.py")


def test_the_endpoints_exist() -> None:
    assert {*ENDPOINTS, *SLEEPING} <= strings("entrypoints")


def test_requests_and_replies_have_the_fields_that_are_used() -> None:
    asked = {*ASKED, *PLAIN_SAMPLING, "return_token_ids"}
    assert asked <= fields("CompletionRequest", "entrypoints/openai")
    assert {"index", "token_ids"} <= fields("CompletionResponseChoice", "entrypoints/openai")
    assert {"lora_name", "lora_path"} <= fields("LoadLoRAAdapterRequest", "entrypoints")
    assert "lora_name" in fields("UnloadLoRAAdapterRequest", "entrypoints")


def test_the_ranks_of_adapters_are_those_that_it_allows() -> None:
    (ranks,) = [
        ast.literal_eval(node.value.slice)
        for tree in trees("config/lora.py")
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign)
        and isinstance(node.value, ast.Subscript)
        and ast.unparse(node.targets[0]) == "MaxLoRARanks"
    ]
    assert ranks == RANKS
