"""The reference student: plain peft adapters and the ``generate`` of transformers.

Slow and simple, to check the ``local`` backend against, and for models whose attention that one
cannot replace. Students share nothing: each is a model of its own.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import GenerationConfig, LogitsProcessor
from transformers.pytorch_utils import Conv1D

from teachgym.errors import ConfigError, missing_extra
from teachgym.protocols import Student
from teachgym.students.adapter_files import AdapterWeights
from teachgym.students.checkpoints import copy_in, copy_out
from teachgym.students.loading import without_progress_bars
from teachgym.students.local.generation import require_sampling, uniforms
from teachgym.students.lora import LoRASettings, to_adapt
from teachgym.students.texts import Texts, require_tokens
from teachgym.students.threads import few_threads
from teachgym.types import Checkpoint, Prompt

PROMPTS_AT_ONCE = 64
"""Prompts in one call of ``generate`` or one forward pass."""


@dataclass(frozen=True)
class Sequences:
    """Token ids of texts that are read in one pass, each a prompt with what has been answered."""

    ids: Sequence[Sequence[int]]
    images: Sequence[tuple[str, ...]]
    """The pictures of each prompt."""
    starts: Sequence[int]
    """The place of the first token of each response."""

    def __getitem__(self, rows: Sequence[int]) -> Sequences:
        """The texts in these rows."""
        columns: Any = (self.ids, self.images, self.starts)
        return Sequences(*([column[i] for i in rows] for column in columns))


class HuggingFaceStudent(Student):
    """A causal language model of transformers, adapted by peft or trained in full.

    It reads pictures too, if it has a processor of them (``ImageTexts``).

    The constructor changes the model: peft wraps layers and freezes the others.

    Args:
        model: from transformers, on its device; weights that are trained in full have 32 bits.
        texts: its tokenizer and prompt format.
        max_new_tokens: the longest answer, end token included, >= 1.
        lora: train low-rank adapters; None = train all weights. peft draws the initial A from
            another generator than the ``local`` backend: see ``load_adapter``.
        dtype: of the computation.
        prompts_at_once: prompts in one call of ``generate``; 1 for models whose answers depend on
            padding.

    Raises:
        ConfigError: if no layer has one of the target names.
        MissingExtraError: if adapters are asked for and peft is not installed.
    """

    trainer = "padded"

    def __init__(
        self,
        model: Any,
        texts: Texts,
        *,
        max_new_tokens: int,
        lora: LoRASettings | None = None,
        dtype: torch.dtype = torch.float32,
        prompts_at_once: int = PROMPTS_AT_ONCE,
    ) -> None:
        if max_new_tokens < 1:
            raise ConfigError(f"max_new_tokens is {max_new_tokens}; it must be 1 or more")
        self.prompts_at_once = prompts_at_once
        self.texts, self.max_new_tokens, self.lora, self.dtype = texts, max_new_tokens, lora, dtype
        model.requires_grad_(True)
        self.model: Any = (_adapted(model, lora) if lora else model).eval()

    @property
    def tokenizer(self) -> Any:
        """The tokenizer of transformers."""
        return self.texts.tokenizer

    @property
    def device(self) -> torch.device:
        """The device that holds the weights."""
        device: torch.device = self.model.device
        return device

    @property
    def n_parameters(self) -> int:
        """The count of numbers in the model, adapters included."""
        return sum(p.numel() for p in self.model.parameters())

    @property
    def trained(self) -> dict[str, torch.nn.Parameter]:
        """The weights that training changes, by name."""
        return {n: p for n, p in self.model.named_parameters() if p.requires_grad}

    def computing(self) -> AbstractContextManager[Any]:
        """Context of a forward pass: 16-bit computation with 32-bit weights, where asked for."""
        if self.lora is not None or self.dtype == torch.float32:
            return nullcontext()
        return torch.autocast(self.device.type, dtype=self.dtype)

    def threads(self) -> AbstractContextManager[None]:
        """Context for everything that the student computes; see ``few_threads``."""
        return few_threads(self.n_parameters, self.device)

    def count_tokens(self, texts: Sequence[str]) -> int:
        """The count of tokens of all texts, with one end-of-sequence token each."""
        return sum(len(ids) + 1 for ids in self.texts.encode(texts))

    def generate(self, prompts: Sequence[Prompt], *, stop: Sequence[str] = ()) -> list[str]:
        """Greedy answers in the order of the prompts, decoded in batches padded on the left."""
        return [self.texts.decode(ids, stop) for ids in self._continue(prompts)]

    def sample(
        self,
        prompts: Sequence[Prompt],
        *,
        k: int,
        temperature: float = 1.0,
        seed: int = 0,
        stop: Sequence[str] = (),
    ) -> list[list[str]]:
        """``k`` random answers to each prompt, from the same random numbers as ``local``'s."""
        require_sampling(k, temperature)
        asked = [prompt for prompt in prompts for _ in range(k)]
        drawn = [
            uniforms(seed, prompt.identity, number, self.max_new_tokens)
            for prompt in prompts
            for number in range(k)
        ]
        tokens = self._continue(asked, drawn, temperature)
        answers = [self.texts.decode(ids, stop) for ids in tokens]
        return [answers[i : i + k] for i in range(0, len(answers), k)]

    def logprobs(self, prompts: Sequence[Prompt], targets: Sequence[str]) -> list[np.ndarray]:
        """The log-probability of each token of a target and of its end, shape (n_tokens,) each."""
        pairs = self.texts.pairs(prompts, targets)
        require_tokens([prompt for prompt, _ in pairs])
        return [self._score(p.images, *pair) for p, pair in zip(prompts, pairs, strict=True)]

    def save(self) -> Checkpoint:
        """A copy of everything that training may change: adapters, or all weights."""
        return copy_out(self.trained)

    def restore(self, checkpoint: Checkpoint) -> None:
        """Copy the weights back in place, bit for bit.

        Raises:
            ConfigError: for a checkpoint of another model, of which nothing is taken over.
        """
        copy_in(self.trained, checkpoint)

    def load_adapter(self, weights: AdapterWeights) -> None:
        """Take over an adapter, such as the one the ``local`` backend starts with.

        Args:
            weights: of each adapted layer A (d_in, r) and B (r, d_out), as ``read_adapter`` and
                ``LoRALinear`` have them; peft's matrices are their transposes.

        Raises:
            ConfigError: if names or shapes are not those of the adapted layers.
        """
        arrays = {
            f"base_model.model.{name}.lora_{letter}.default.weight": matrix.detach().cpu().numpy().T
            for name, pair in weights.items()
            for letter, matrix in zip("AB", pair, strict=True)
        }
        self.restore(Checkpoint(arrays))

    def export(self, folder: Path) -> None:
        """Write peft's adapter files or the whole model with ``save_pretrained``."""
        with without_progress_bars():
            self.model.save_pretrained(folder)
        self.texts.save(folder)

    def passes(self, texts: Sequences) -> list[list[int]]:
        """Groups of rows that fit one pass, because their pictures have the same shapes."""
        groups: dict[Any, list[int]] = defaultdict(list)
        for row, images in enumerate(texts.images):
            pixels = self.texts.pixels(images)
            groups[tuple((name, value.shape[1:]) for name, value in pixels.items())].append(row)
        return list(groups.values())

    def inputs(self, texts: Sequences, *, on: str) -> dict[str, torch.Tensor]:
        """The model's inputs for texts of one of the ``passes``, padded ``left`` or ``right``.

        Token ids and mask, (B, T) each; what is told beside each token, (B, T); and the pictures,
        whatever form they have, one after the other along the first axis.
        """
        ids, mask = pad(texts.ids, on=on)
        found = {"input_ids": ids, "attention_mask": mask}
        beside = [self.texts.marks(*row) for row in zip(texts.ids, texts.starts, strict=True)]
        for name in beside[0]:
            found[name] = pad([row[name] for row in beside], on=on)[0]
        seen = [self.texts.pixels(images) for images in texts.images]
        for name in seen[0]:
            found[name] = torch.cat([pixels[name] for pixels in seen])
        return {name: tensor.to(self.device) for name, tensor in found.items()}

    @torch.inference_mode()
    def _score(
        self, images: tuple[str, ...], prompt: Sequence[int], target: Sequence[int]
    ) -> np.ndarray:
        text = Sequences([[*prompt, *target]], [images], [len(prompt)])
        read = self.inputs(text, on="right")
        with self.threads(), self.computing():
            logits = self.model(**read).logits[0, len(prompt) - 1 : -1]
        ids = read["input_ids"]
        scores = logits.float().log_softmax(-1).gather(1, ids[0, len(prompt) :, None])
        array: np.ndarray = scores[:, 0].cpu().numpy()
        return array

    def _continue(
        self,
        prompts: Sequence[Prompt],
        drawn: Sequence[torch.Tensor] | None = None,
        temperature: float = 1.0,
    ) -> list[list[int]]:
        """Token ids that follow each prompt; ``drawn`` has the random numbers of each."""
        answers: list[list[int]] = [[] for _ in prompts]
        encoded = self.texts.prompts(prompts, room=self.max_new_tokens)
        texts = Sequences(encoded, [p.images for p in prompts], list(map(len, encoded)))
        # Prompts of similar length need little padding.
        order = sorted(range(len(prompts)), key=lambda i: len(encoded[i]))
        for start in range(0, len(order), self.prompts_at_once):
            some = order[start : start + self.prompts_at_once]
            for rows in self.passes(texts[some]):
                chosen = [some[row] for row in rows]
                read = self.inputs(texts[chosen], on="left")
                width, draw = read["input_ids"].shape[1], None
                if drawn is not None:
                    draw = Draw(torch.stack([drawn[i] for i in chosen]), width, temperature)
                output = self.continued(read, draw)
                for i, answer in zip(chosen, output[:, width:].tolist(), strict=True):
                    answers[i] = answer
        return answers

    def continued(
        self, read: Mapping[str, torch.Tensor], draw: LogitsProcessor | None, **options: Any
    ) -> Any:
        """The ids that ``generate`` returns for what the model reads, padded on the left.

        Args:
            read: what ``inputs`` gives.
            draw: changes the logits.
            options: of the generation that differ from a student's answers.
        """
        usual: dict[str, Any] = {
            "max_new_tokens": self.max_new_tokens,
            "do_sample": False,
            "eos_token_id": sorted(self.texts.ends),
            "pad_token_id": self.texts.end,
        }
        plain = GenerationConfig(**{**usual, **options})  # type: ignore[no-untyped-call]
        # peft's adapters are inside the model that it was given.
        model = self.model.get_base_model() if self.lora else self.model
        with _configured(model, plain), self.threads(), self.computing(), torch.inference_mode():
            return model.generate(
                **read,
                generation_config=plain,
                logits_processor=[draw] if draw else None,
            )


class Draw(LogitsProcessor):
    """Leaves the token where a uniform number falls as the only one: greedy decoding takes it.

    Args:
        uniforms: numbers in [0, 1) for each row and new token, shape (B, n).
        n_read: tokens before the first new one.
        temperature: divides the logits, > 0.
    """

    def __init__(self, uniforms: torch.Tensor, n_read: int, temperature: float) -> None:
        self.uniforms, self.n_read, self.temperature = uniforms, n_read, temperature

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        """The logits (B, V) of the choice, from ids so far (B, n_read + i) and logits (B, V)."""
        number = self.uniforms[:, input_ids.shape[1] - self.n_read, None].to(scores.device)
        cumulative = (scores.float() / self.temperature).softmax(-1).cumsum(-1)
        token = (cumulative <= number * cumulative[:, -1:]).sum(-1, keepdim=True)
        only = torch.full_like(scores, -torch.inf)
        return only.scatter(1, token.clamp(max=scores.shape[-1] - 1), 0.0)


def pad(texts: Sequence[Sequence[int]], *, on: str) -> tuple[torch.Tensor, torch.Tensor]:
    """Token ids and mask of the texts, (B, T) each, padded ``on`` the ``left`` or ``right``."""
    longest = max(map(len, texts))
    ids = torch.zeros((len(texts), longest), dtype=torch.int64)
    mask = torch.zeros_like(ids)
    for row, text in enumerate(texts):
        places = slice(longest - len(text), None) if on == "left" else slice(len(text))
        ids[row, places], mask[row, places] = torch.tensor(text), 1
    return ids, mask


def _adapted(model: Any, lora: LoRASettings) -> Any:
    """The model with peft's adapters, in place."""
    try:
        from peft import LoraConfig, get_peft_model
    except ImportError as error:
        raise missing_extra("peft", "hf") from error
    layers = to_adapt(model, lora)
    config = LoraConfig(
        task_type="CAUSAL_LM",
        r=lora.rank,
        lora_alpha=lora.alpha,  # type: ignore[arg-type]  # any number will do
        lora_dropout=lora.dropout,
        target_modules=list(layers),
        fan_in_fan_out=any(isinstance(layer, Conv1D) for layer in layers.values()),
    )
    with torch.random.fork_rng():
        torch.manual_seed(lora.seed)
        try:
            return get_peft_model(model, config)
        except ValueError as error:
            raise ConfigError(
                f"peft finds nothing to adapt by targets={lora.targets!r}: {error}"
            ) from error


@contextmanager
def _configured(model: Any, plain: GenerationConfig) -> Iterator[None]:
    """Leave the model's own generation settings out within, such as repetition penalties."""
    before, model.generation_config = model.generation_config, plain
    try:
        yield
    finally:
        model.generation_config = before
