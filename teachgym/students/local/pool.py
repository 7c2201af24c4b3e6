"""``StudentPool``: K students around one resident language model."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import torch
from torch import nn

from teachgym.errors import ConfigError
from teachgym.students.adapter_files import write_adapter
from teachgym.students.checkpoints import copy_in, copy_out
from teachgym.students.local.digests import digests_of
from teachgym.students.local.flat import Flat
from teachgym.students.local.generation import Generator
from teachgym.students.local.layout import Layout, apply_shared
from teachgym.students.local.merging import Merged
from teachgym.students.local.network import Network
from teachgym.students.local.stacking import stack_weights, unstack_weights
from teachgym.students.local.weights import Weight
from teachgym.students.lora import LoRALinear, LoRASettings, add_adapters
from teachgym.students.texts import Texts
from teachgym.students.threads import few_threads
from teachgym.types import Checkpoint


class StudentPool:
    """K students that share one process, one base model and every forward pass.

    Each student's answers and training are those it would have alone. All of them start equal.

    Args:
        model: a causal language model of transformers, on its device. The pool changes it: layers
            are wrapped, weights of an adapted base are frozen.
        texts: its tokenizer and prompt format.
        max_new_tokens: the longest answer, end token included, >= 1.
        count: K, >= 1.
        lora: train low-rank adapters; None = train all weights.
        dtype: of the computation; trained weights are 32-bit floats.
        strict: multiply what students share student by student, so that the bits of what one
            learns do not depend on the others; None = on CPUs, where it costs little.
        graphs: on a GPU, replay decoding steps as CUDA graphs.
    """

    def __init__(
        self,
        model: Any,
        texts: Texts,
        *,
        max_new_tokens: int,
        count: int = 1,
        lora: LoRASettings | None = None,
        dtype: torch.dtype = torch.float32,
        strict: bool | None = None,
        graphs: bool = True,
    ) -> None:
        if max_new_tokens < 1:
            raise ConfigError(f"max_new_tokens is {max_new_tokens}; it must be 1 or more")
        if count < 1:
            raise ConfigError(f"a pool has {count} students; it must have 1 or more")
        if count > 1 and _has_dropout(model):
            raise ConfigError(
                "several students cannot share a model with dropout of its own; set it to 0 in "
                "the model's config, or use one student at a time"
            )
        self.network = Network(model.eval())
        self.texts, self.max_new_tokens, self.lora = texts, max_new_tokens, lora
        self.count, self.dtype = count, dtype
        strict = self.network.device.type == "cpu" if strict is None else strict
        # Stacked weights are multiplied student by student anyhow.
        self.layout = Layout(count, strict=strict and lora is not None)
        self.adapters: Mapping[str, LoRALinear] = {}
        self.weights = tuple(self._make_trainable())
        if self.network.device.type == "cuda":
            _ = self.flat  # before any step is captured that reads the weights where they are
        recast = lora is None and count == 1 and dtype != torch.float32
        self.answer = Generator(
            self.network,
            self.layout,
            merged=partial(Merged, self.network, self.adapters, dtype) if lora or recast else None,
            computing=self.answering,
            threads=self.threads,
            max_new_tokens=max_new_tokens,
            graphs=graphs and self.network.device.type == "cuda",
        )

    def _make_trainable(self) -> Iterator[Weight]:
        model = self.network.model
        if self.lora is not None:
            self.adapters = add_adapters(model, self.lora, self.layout)
            for name, layer in self.adapters.items():
                first = layer.first
                columns = first.columns(layer.number)
                yield Weight(f"{name}.lora_A", first.weight, is_stacked=True, columns=columns)
                yield Weight(f"{name}.lora_B", layer.lora_B, is_stacked=True)
        elif self.count > 1:
            for name, parameter in stack_weights(model, self.layout).items():
                yield Weight(name, parameter, is_stacked=True)
        else:
            model.requires_grad_(True)
            for name, parameter in model.named_parameters():
                yield Weight(name, parameter, is_stacked=False)

    @cached_property
    def flat(self) -> Flat:
        """The trained weights in one tensor, made on first use."""
        return Flat(self.weights, self.dtype if self.lora else torch.float32)

    def logits(self, hidden: torch.Tensor) -> torch.Tensor:
        """The logits of rows in the present ``layout``, (n_rows, d) -> (n_rows, V)."""
        head = self.network.model.get_output_embeddings()
        if isinstance(head, nn.Linear):
            return self.network.bounded(apply_shared(head, hidden, self.layout))
        logits: torch.Tensor = head(hidden)
        return self.network.bounded(logits)

    def write_adapter(self, student: int, folder: Path, *, base: str) -> None:
        """Write a student's adapter in PEFT's format, with ``base`` as the name of its base."""
        assert self.lora is not None
        layers = self.adapters.items()
        weights = {name: (own.lora_A[student], own.lora_B[student]) for name, own in layers}
        write_adapter(folder, weights, self.lora, base=base)

    def plain_model(self, student: int) -> Any:
        """A student with all weights trained, as an ordinary model of transformers."""
        model = self.network.model
        return unstack_weights(model, student) if self.count > 1 else model

    def computing(self) -> AbstractContextManager[Any]:
        """Context of a forward pass: 16-bit computation with 32-bit weights, where asked for."""
        if self.lora is not None or self.dtype == torch.float32:
            return nullcontext()
        return torch.autocast(self.network.device.type, dtype=self.dtype)

    @contextmanager
    def answering(self) -> Iterator[None]:
        """Context of answering, in which flat adapters are cast once, not in every layer."""
        cast = self.lora is not None and self._is_flat
        with self.computing(), self.flat.computing(self.network.model) if cast else nullcontext():
            yield

    @property
    def n_parameters(self) -> int:
        """The count of numbers in one student, the shared base included."""
        shared = {id(w.parameter): self.count for w in self.weights if w.is_stacked}
        parameters = self.network.model.parameters()
        return sum(p.numel() // shared.get(id(p), 1) for p in parameters)

    def threads(self) -> AbstractContextManager[None]:
        """Context for everything that a student computes; see ``few_threads``."""
        return few_threads(self.n_parameters, self.network.device)

    def save(self, student: int) -> Checkpoint:
        """A copy of everything that training may change; weights with two names are kept once."""
        return copy_out(self._read(student))

    def restore(self, student: int, checkpoint: Checkpoint) -> None:
        """Copy weights back in place, bit for bit.

        Raises:
            ConfigError: for a checkpoint of another model, of which nothing is taken over.
        """
        if not self._is_flat:
            copy_in(self._read(student), checkpoint)
            return
        row = self.flat.row(student)
        copy_in(self.flat.named(row), checkpoint)
        self.flat.values[student].copy_(row[0])

    def _read(self, student: int) -> dict[str, torch.Tensor]:
        """The weights that a student was trained to: flat ones copied at once, others in place."""
        if self._is_flat:
            return self.flat.named(self.flat.row(student))
        return {w.name: w.values[student] for w in self.weights}

    @property
    def _is_flat(self) -> bool:
        return "flat" in vars(self)

    def fingerprint(self, student: int) -> str:
        """A hex digest of everything that affects the student's answers."""
        digest = hashlib.sha256(self._frozen_digest)
        digest.update(self.texts.format.encode())
        if self.texts.chat:  # which also says how turns follow one another
            digest.update(str(self.texts.tokenizer.chat_template).encode())
        _add_weights(digest, self._read(student))
        return digest.hexdigest()

    @cached_property
    def _frozen_digest(self) -> bytes:
        """The digest of what stays: frozen weights, configuration, prompt format."""
        texts, model = self.texts, self.network.model
        facts: Sequence[Any] = (
            model.config.to_json_string(),
            _tokenizer_facts(texts.tokenizer),
            (texts.tokenizer.chat_template, sorted(texts.template.items())) if texts.chat else None,
            sorted(texts.ends),
            texts.context,
            self.max_new_tokens,
            self.lora.scale if self.lora else None,
            str(self.dtype),
            self.network.device.type,
        )
        digest = hashlib.sha256(repr(facts).encode())
        trained = {id(w.parameter) for w in self.weights}
        frozen = {n: p for n, p in model.named_parameters() if id(p) not in trained}
        _add_weights(digest, frozen)
        return digest.digest()


def _has_dropout(model: Any) -> bool:
    config = model.config.get_text_config()
    layers = any(isinstance(m, nn.Dropout) and m.p for m in model.modules())
    return layers or bool(getattr(config, "attention_dropout", 0))


def _tokenizer_facts(tokenizer: Any) -> Any:
    """The facts that decide how texts become tokens."""
    backend = getattr(tokenizer, "backend_tokenizer", None)
    return backend.to_str() if backend else sorted(tokenizer.get_vocab().items())


def _add_weights(digest: Any, weights: Mapping[str, torch.Tensor]) -> None:
    """Have names, shapes, types and contents of weights be part of a digest."""
    for name, values in weights.items():
        digest.update(f"{name} {tuple(values.shape)} {values.dtype} ".encode())
    for part in digests_of(weights.values()):
        digest.update(part)
