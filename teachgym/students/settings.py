"""The settings that make a language model a student."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import torch

from teachgym.errors import ConfigError
from teachgym.redaction import require_address
from teachgym.settings import Count, Positive, Rank, Seed, ShareBelowOne, Tokens, checked
from teachgym.students.lora import ALL_LINEAR, LoRASettings
from teachgym.students.templates import FIXED_DATE, require_date

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}

FULL_BELOW = 10_000_000
"""Parameters below which all weights are trained unless asked otherwise: adapters of so small a
model would save nothing."""


LONGEST_ANSWER = 24
"""Tokens of an answer where neither the settings nor the model say how many."""


def require_room(context: int | None, max_new_tokens: int) -> None:
    """Raise ``ConfigError`` for a context that answers would fill alone."""
    if context is not None and context <= max_new_tokens:
        raise ConfigError(
            f"context is {context}; it must be above max_new_tokens, {max_new_tokens}"
        )


@checked
@dataclass(frozen=True)
class LanguageModelSettings:
    """The student settings of language models; all are plain JSON."""

    base: Count = 0
    """The base of ``tiny``: the number of the pretrained weights to start from
    (``students.bases``)."""
    backend: Literal["auto", "local", "hf", "vllm"] = "auto"
    """``auto``: ``local`` for every model that a check of its numbers finds computed right there,
    else ``hf``, with a warning that says what differed. ``local``: packed training and slots;
    ``hf``: plain peft and ``generate``, the reference; ``vllm``: trained here, answers from a
    vLLM server."""
    images: bool = False
    """Let a model see whose class can be one of text, too, such as Gemma 3, and is read as that by
    default; ``hf`` teaches it then. All other image-text models see anyway."""
    device: str | None = None
    """A torch device; None = the first GPU if there is one, else the CPU, where students that ship
    always are unless asked otherwise: a GPU would wait for so small a model's launches."""
    dtype: Literal["auto", "float32", "bfloat16"] = "auto"
    """The data type of the computation; ``auto`` = bfloat16 on GPUs, float32 elsewhere."""
    max_new_tokens: Tokens | None = None
    """The longest answer in tokens, its end included, >= 1; None = what the model's own generation
    config says, or else 24."""
    context: Tokens | None = None
    """The most tokens to read, prompt and answer together; None = the model's own limit, which may
    be exceeded unless positions are learned."""
    chat: bool | None = None
    """Use the chat template; None = if there is one."""
    template: Mapping[str, Any] | None = None
    """Arguments of the chat template, such as ``{"enable_thinking": false}``; None = none."""
    date: str = FIXED_DATE
    """The date for a chat template that prints today's, as YYYY-MM-DD; ``today`` = the
    truth, with which answers differ from day to day."""
    adaptation: Literal["lora", "full"] | None = None
    """``lora`` trains low-rank adapters, ``full`` all weights; None = ``full`` for models below
    ``FULL_BELOW`` parameters, else ``lora``."""
    rank: Rank = 16
    alpha: Positive = 32.0
    dropout: ShareBelowOne = 0.05
    targets: str | Sequence[str] = ALL_LINEAR
    adapter_seed: Seed = 0
    """These five: the fields of ``LoRASettings``."""
    adapter: str | None = None
    """Folder of an adapter in PEFT's format to start from; it brings its rank, alpha, targets."""
    strict: bool | None = None
    """Keep the bits of what a student learns independent of the other students of its pool; None
    = on CPUs, where it costs little."""
    graphs: bool = True
    """On a GPU: replay decoding steps as CUDA graphs."""
    server: str | None = None
    """URL of a running server for the ``vllm`` backend; None = start one."""

    def __post_init__(self) -> None:
        self._check_device()
        require_room(self.context, self.max_new_tokens or 1)
        require_date(self.date)
        if self.server is not None:
            require_address("server", self.server)
        _ = self.lora  # checked early, too

    def _check_device(self) -> None:
        try:
            kind = torch.device(self.torch_device).type
        except RuntimeError as error:
            raise ConfigError(
                f"device is {self.device!r}; it must be one that torch knows: cpu, cuda, cuda:1"
            ) from error
        if kind == "cuda" and not torch.cuda.is_available():
            raise ConfigError(
                f"device is {self.device!r}, but torch finds no CUDA GPU; set it to 'cpu', or "
                "install a torch with CUDA"
            )

    @property
    def torch_device(self) -> str:
        """The device to load the model to."""
        return self.device or ("cuda" if torch.cuda.is_available() else "cpu")

    def of_small(self) -> LanguageModelSettings:
        """These settings for a student that ships: on the CPU, unless a device is asked for.

        A step of ``tiny`` took 1.1 s on an H200, before its training was captured, and 0.55 s on
        a core beside it.
        """
        return self if self.device is not None else replace(self, device="cpu")

    @property
    def torch_dtype(self) -> torch.dtype:
        """The type of numbers to compute in."""
        if self.dtype != "auto":
            return DTYPES[self.dtype]
        on_gpu = torch.device(self.torch_device).type == "cuda"
        return torch.bfloat16 if on_gpu else torch.float32

    @property
    def lora(self) -> LoRASettings:
        """The settings of adapters."""
        targets = self.targets if isinstance(self.targets, str) else tuple(self.targets)
        return LoRASettings(self.rank, self.alpha, self.dropout, targets, self.adapter_seed)

    def trains_adapters(self, n_parameters: int) -> bool:
        """Whether a model of this size is adapted instead of trained in full."""
        if self.adaptation is not None:
            return self.adaptation == "lora"
        return self.adapter is not None or n_parameters >= FULL_BELOW
