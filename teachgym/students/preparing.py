"""What every backend begins with: a loaded model, its prompt format, and what will be trained."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from teachgym.students.adapter_files import AdapterWeights, read_adapter
from teachgym.students.loading import Loaded, load_model
from teachgym.students.lora import LoRASettings
from teachgym.students.network import context_of
from teachgym.students.settings import LanguageModelSettings
from teachgym.students.texts import Texts


@dataclass(frozen=True)
class Prepared:
    """A model that is ready to be taught."""

    model: Any
    """On its device: in the precision of the computation if it will be the base of adapters, else
    in 32 bits, which trained weights have whatever they are computed in."""
    texts: Texts
    lora: LoRASettings | None
    """None = all weights are trained."""
    start: AdapterWeights | None
    """An adapter to start from."""
    source: str
    """What an exported adapter names as its base."""


def prepare(name_or_path: str, settings: LanguageModelSettings) -> Prepared:
    """Load a model as a student; see ``load_model`` for names and errors."""
    loaded = load_model(name_or_path)
    adapter = settings.adapter or (str(loaded.adapter) if loaded.adapter else None)
    settings = replace(settings, adapter=adapter)
    lora, start = None, None
    if settings.trains_adapters(sum(p.numel() for p in loaded.model.parameters())):
        lora = settings.lora
        if adapter:
            fields, start = read_adapter(Path(adapter))
            lora = replace(lora, **fields)
    dtype = settings.torch_dtype if lora else torch.float32
    model = loaded.model.to(settings.torch_device, dtype)
    return Prepared(model, _texts(loaded, settings), lora, start, loaded.source)


def _texts(loaded: Loaded, settings: LanguageModelSettings) -> Texts:
    """The prompt format of a model that was loaded."""
    chat = bool(loaded.tokenizer.chat_template) if settings.chat is None else settings.chat
    ends = getattr(loaded.model.generation_config, "eos_token_id", None)
    return Texts(
        loaded.tokenizer,
        min(settings.context or 2**62, context_of(loaded.model)),
        chat=chat,
        more_ends=() if ends is None else (ends,) if isinstance(ends, int) else tuple(ends),
    )
