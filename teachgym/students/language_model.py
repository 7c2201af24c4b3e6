"""Any Hugging Face causal language model as a student; ``tiny`` is one that ships."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    DynamicCache,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)
from transformers.utils import logging

from teachgym.errors import ConfigError, UnknownNameError
from teachgym.types import Checkpoint

TINY = "tiny"
"""The name of the student that ships with the package."""


class LanguageModelStudent:
    """A causal language model that answers greedily and can be put back as it was.

    Prompts are given to the tokenizer as they are, without special tokens; an answer ends at the
    end-of-sequence token. Weights are 32-bit floats and all of them are trained.

    Args:
        model: from ``transformers``.
        tokenizer: with an end-of-sequence token.
        max_new_tokens: the longest answer, end-of-sequence token included, >= 1.
    """

    def __init__(
        self, model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, *, max_new_tokens: int
    ) -> None:
        if max_new_tokens < 1:
            raise ConfigError(f"max_new_tokens is {max_new_tokens}; it must be 1 or more")
        if tokenizer.eos_token_id is None:
            raise ConfigError(
                "the tokenizer has no end-of-sequence token, so answers would never end; "
                "set tokenizer.eos_token and save it again"
            )
        self.model: Any = model
        self.model.train(False)
        self.tokenizer = tokenizer
        self.max_new_tokens = max_new_tokens

    @classmethod
    def load(
        cls, name_or_path: str, *, device: str | None = None, max_new_tokens: int = 24
    ) -> LanguageModelStudent:
        """Load ``tiny``, a folder, or a model of the Hugging Face hub.

        Args:
            name_or_path: ``tiny``, a folder that ``from_pretrained`` reads, or a hub id.
            device: a torch device; the first GPU if there is one, else the CPU.
            max_new_tokens: the longest answer.

        Raises:
            UnknownNameError: if there is no such model, or it cannot be read.
        """
        source = str(files("teachgym.students") / "data" / TINY)
        source = source if name_or_path == TINY else name_or_path
        try:
            with without_progress_bars():
                tokenizer = AutoTokenizer.from_pretrained(source)
                model: Any = AutoModelForCausalLM.from_pretrained(source, dtype=torch.float32)
        except (OSError, ValueError) as error:
            raise UnknownNameError(
                f"no student {name_or_path!r}: {error}. Give 'simulated', 'tiny', the path of a "
                "folder written by save_pretrained, or the id of a model on the Hugging Face hub"
            ) from error
        device = device or ("cuda" if torch.cuda.is_available() else "cpu")
        return cls(model.to(device), tokenizer, max_new_tokens=max_new_tokens)

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        """Token ids of each text, without special tokens."""
        if not texts:
            return []
        ids: list[list[int]] = self.tokenizer(list(texts), add_special_tokens=False)["input_ids"]
        return ids

    def count_tokens(self, texts: Sequence[str]) -> int:
        """Tokens of all texts, one end-of-sequence token each included."""
        return sum(len(ids) + 1 for ids in self.encode(texts))

    def generate(self, prompts: Sequence[str]) -> list[str]:
        """Greedy answers in the order of the prompts.

        Prompts of equal length are answered together: nothing is padded, so an answer does not
        depend on what else is asked.

        Raises:
            ConfigError: for a prompt without tokens, which leaves nothing to continue.
        """
        encoded = self.encode(prompts)
        groups: dict[int, list[int]] = defaultdict(list)
        for i, ids in enumerate(encoded):
            groups[len(ids)].append(i)
        if 0 in groups:
            raise ConfigError(f"prompt {groups[0][0]} has no tokens; give it some text")
        answers = [""] * len(prompts)
        for indices in groups.values():
            tokens = self._continue(torch.tensor([encoded[i] for i in indices]))
            for i, ids in zip(indices, tokens.tolist(), strict=True):
                answers[i] = self._decode(ids)
        return answers

    def save(self) -> Checkpoint:
        """A copy of every parameter and buffer; weights with two names are kept once."""
        return Checkpoint({name: _to_array(tensor) for name, tensor in self._state().items()})

    @torch.no_grad()
    def restore(self, checkpoint: Checkpoint) -> None:
        """Copy the weights back in place, bit for bit.

        Raises:
            ConfigError: for a checkpoint of another model.
        """
        state = self._state()
        shapes = {name: tuple(tensor.shape) for name, tensor in state.items()}
        found = {name: array.shape for name, array in checkpoint.arrays.items()}
        if found != shapes:
            raise ConfigError(
                "the checkpoint is of another model, these weights differ: "
                + ", ".join(sorted(dict(shapes.items() ^ found.items())))
            )
        for name, tensor in state.items():
            # A copy, because torch warns about arrays that are read-only.
            tensor.copy_(torch.from_numpy(np.array(checkpoint.arrays[name])))

    def export(self, folder: Path) -> None:
        """Write model and tokenizer as ``from_pretrained`` reads them."""
        with without_progress_bars():
            self.model.save_pretrained(folder)
            self.tokenizer.save_pretrained(folder)

    def _state(self) -> dict[str, torch.Tensor]:
        """Everything training may change, each tensor under its first name."""
        return {**dict(self.model.named_parameters()), **dict(self.model.named_buffers())}

    @torch.inference_mode()
    def _continue(self, ids: torch.Tensor) -> torch.Tensor:
        """Greedy tokens after ``ids`` (B, T), shape (B, T_new), eos-padded."""
        eos = self.tokenizer.eos_token_id
        ids = ids.to(self.model.device)
        cache = DynamicCache(config=self.model.config)
        finished = torch.zeros(len(ids), dtype=torch.bool, device=ids.device)
        tokens: list[torch.Tensor] = []
        for _ in range(self.max_new_tokens):
            output: Any = self.model(ids, past_key_values=cache, use_cache=True, logits_to_keep=1)
            chosen = output.logits[:, -1].argmax(-1).masked_fill(finished, eos)  # (B,)
            tokens.append(chosen)
            finished |= chosen == eos
            if bool(finished.all()):
                break
            ids = chosen[:, None]
        return torch.stack(tokens, dim=1)

    def _decode(self, ids: list[int]) -> str:
        eos = self.tokenizer.eos_token_id
        answer = ids[: ids.index(eos)] if eos in ids else ids
        return str(self.tokenizer.decode(answer, skip_special_tokens=True))


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


def _to_array(tensor: torch.Tensor) -> NDArray[Any]:
    return tensor.detach().cpu().numpy().copy()
