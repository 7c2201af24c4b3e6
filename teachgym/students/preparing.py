"""The common start of all backends: a loaded model, its prompt format, its trained weights."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Any

import torch

from teachgym.errors import ConfigError
from teachgym.students.adapter_files import AdapterWeights, read_adapter
from teachgym.students.bases import base_of
from teachgym.students.image_texts import ImageTexts
from teachgym.students.loading import Loaded, load_model
from teachgym.students.local.network import context_of
from teachgym.students.lora import LoRASettings
from teachgym.students.settings import LONGEST_ANSWER, LanguageModelSettings, require_room
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
    """The base that an exported adapter names."""
    max_new_tokens: int
    """The longest answer, end included."""

    @property
    def reads_images(self) -> bool:
        """Whether prompts may have pictures."""
        return isinstance(self.texts, ImageTexts)

    @property
    def n_parameters(self) -> int:
        """The count of numbers in the model, without adapters."""
        return sum(p.numel() for p in self.model.parameters())


def prepare(name_or_path: str, settings: LanguageModelSettings) -> Prepared:
    """Load a model as a student; see ``load_model`` for names and errors.

    Raises:
        ConfigError: for an adapter, or settings of one, where all weights are to be trained.
    """
    loaded = load_model(base_of(name_or_path, settings.base), images=settings.images)
    adapter = settings.adapter or (str(loaded.adapter) if loaded.adapter else None)
    settings = replace(settings, adapter=adapter)
    lora, start = None, None
    if settings.trains_adapters(sum(p.numel() for p in loaded.model.parameters())):
        lora = settings.lora
        if adapter:
            fields, start = read_adapter(Path(adapter))
            lora = replace(lora, **fields)
    elif adapter:
        raise ConfigError(
            f"adaptation is 'full', which leaves out the adapter {adapter!r}; set it to 'lora', or "
            "merge the adapter into its base with peft and name the merged model"
        )
    elif settings.lora != LoRASettings():
        raise ConfigError(
            "rank, alpha, dropout, targets and adapter_seed are of adapters, and all weights of "
            "this model are trained; set adaptation='lora', or leave them out"
        )
    dtype = settings.torch_dtype if lora else torch.float32
    model = loaded.model.to(settings.torch_device, dtype)
    longest = _longest_answer(loaded.model, settings)
    return Prepared(model, _texts(loaded, settings), lora, start, loaded.source, longest)


def _longest_answer(model: Any, settings: LanguageModelSettings) -> int:
    """Tokens of the longest answer: what was asked for, or the model's own limit, or 24."""
    own = getattr(model.generation_config, "max_new_tokens", None)
    longest: int = settings.max_new_tokens or own or LONGEST_ANSWER
    require_room(settings.context, longest)
    return longest


def _texts(loaded: Loaded, settings: LanguageModelSettings) -> Texts:
    """The prompt format of a model that was loaded."""
    chat = bool(loaded.tokenizer.chat_template) if settings.chat is None else settings.chat
    ends = getattr(loaded.model.generation_config, "eos_token_id", None)
    own: dict[str, Any] = {
        "tokenizer": loaded.tokenizer,
        "context": _context(loaded.model, settings.context),
        "chat": chat,
        "more_ends": () if ends is None else (ends,) if isinstance(ends, int) else tuple(ends),
        "template": settings.template or {},
        "date": settings.date,
    }
    if loaded.processor is not None:
        texts: Texts = ImageTexts(**own, processor=loaded.processor)
    else:
        texts = Texts(**own)
    _require_embedded(loaded, texts)
    return texts


def _context(model: Any, asked: int | None) -> int:
    """The most tokens to read: what was asked for, unless there is a table of positions."""
    own = context_of(model)
    if asked is None or asked <= own:
        return asked or own
    words = {id(model.get_input_embeddings().weight), id(model.get_output_embeddings().weight)}
    tensors = chain(model.named_parameters(), model.named_buffers())
    for name, tensor in tensors:
        if id(tensor) not in words and any(own <= side <= own + 2 for side in tensor.shape):
            raise ConfigError(
                f"context is {asked}; it must be at most {own}, since {name} is a table of so many "
                "positions"
            )
    return asked


def _require_embedded(loaded: Loaded, texts: Texts) -> None:
    """Refuse a tokenizer with tokens that the model has no embedding for.

    Special ones that neither ends nor prompts need are never read, so they do not matter.
    """
    n_rows = loaded.model.get_input_embeddings().weight.shape[0]
    tokenizer = loaded.tokenizer
    unused = texts.controls - texts.ends - set(tokenizer(texts.format)["input_ids"])
    outside = {i: t for t, i in tokenizer.get_vocab().items() if i >= n_rows and i not in unused}
    if outside:
        raise ConfigError(
            f"the tokenizer has {len(outside)} tokens, such as {outside[min(outside)]!r}, beyond "
            f"the {n_rows} that {type(loaded.model).__name__} has embeddings for; resize them with "
            "model.resize_token_embeddings(len(tokenizer)), train them, and save both again"
        )
