"""GGUF files as ordinary models: dequantised once, kept in the cache after that."""

from __future__ import annotations

import hashlib
import json
import logging
import shutil
import struct
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from teachgym.cache import cache_folder
from teachgym.errors import ConfigError, missing_extra

_log = logging.getLogger(__name__)
_DIGESTS = "digests.json"
"""In a conversion: the SHA-256 of its other files, by name."""


def is_gguf(path: Path) -> bool:
    """Whether ``path`` is a GGUF file, or a folder of such files without a ``config.json``."""
    if path.is_dir():
        return not (path / "config.json").exists() and any(path.glob("*.gguf"))
    return path.suffix == ".gguf" and path.is_file()


def unpacked(path: Path) -> Path:
    """A folder that ``from_pretrained`` reads, made from a GGUF file or the only one in a folder.

    It is kept in the cache under the digest of the file, so that only the first time takes long.

    Raises:
        ConfigError: for a folder of several files, or a file that is damaged.
        MissingExtraError: if a package that reads such files is not installed.
    """
    file = _only_file(path)
    folder = cache_folder("models") / _digest(file)
    if not _is_whole(folder):
        for package in ("gguf", "accelerate"):  # transformers reads the files with both
            if find_spec(package) is None:
                raise missing_extra(package, "gguf")
        _unpack(file, folder)
    return folder


def _only_file(path: Path) -> Path:
    if path.is_file():
        return path
    files = sorted(path.glob("*.gguf"))
    if len(files) > 1:
        names = ", ".join(f.name for f in files)
        raise ConfigError(f"{path} holds several GGUF files: {names}; give the path of one of them")
    return files[0]


def _digest(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _is_whole(folder: Path) -> bool:
    """Whether a conversion is there, and every file of it is as it was written."""
    if not folder.exists():
        return False
    try:
        digests = json.loads((folder / _DIGESTS).read_text())
        whole = all(_digest(folder / name) == digest for name, digest in digests.items())
    except (OSError, ValueError, AttributeError):
        whole = False
    if not whole:
        _log.warning("%s is damaged and is made again", folder)
    return whole


def _unpack(file: Path, folder: Path) -> None:
    """Write model and tokenizer beside ``folder``, then put them in its place."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(dir=folder.parent))
    try:
        _convert(file, temporary)
        digests = {path.name: _digest(path) for path in sorted(temporary.iterdir())}
        (temporary / _DIGESTS).write_text(json.dumps(digests, indent=2) + "\n")
        shutil.rmtree(folder, ignore_errors=True)
        try:
            temporary.replace(folder)
        except OSError:  # another process was faster
            if not _is_whole(folder):
                raise
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _convert(file: Path, folder: Path) -> None:
    """Write a GGUF file's model and tokenizer as ``save_pretrained`` does."""
    try:
        # 32 bits hold every value of the quantised formats; 16 would round most of Q4_1's.
        loaded: Any = AutoModelForCausalLM.from_pretrained(
            file.parent, gguf_file=file.name, dtype=torch.float32
        )
        tokenizer = AutoTokenizer.from_pretrained(file.parent, gguf_file=file.name)
    except (OSError, ValueError, LookupError, struct.error) as error:
        raise ConfigError(f"{file} cannot be read as a GGUF model: {error}") from error
    config = loaded.config
    if hasattr(config, "quantization_config"):
        del config.quantization_config
    # What was read from GGUF refuses to be saved, so its weights go into a model that does not.
    with torch.device("meta"):
        model: Any = type(loaded)(config)
    model.load_state_dict(loaded.state_dict(), assign=True)
    model.tie_weights()
    model.generation_config = loaded.generation_config
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
