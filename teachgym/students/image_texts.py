"""``ImageTexts``: prompts with pictures in the format of an image-text model's processor."""

from __future__ import annotations

import inspect
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import torch

from teachgym.errors import ConfigError
from teachgym.images import ImageStore, draw_plain, open_image, require_pillow
from teachgym.students.texts import Texts
from teachgym.types import Prompt

MOST_BYTES = 2**28
"""The most bytes of pictures that are kept, unless more are asked for."""

MOST_PROMPTS = 2**15
"""The number of prompts whose token ids are kept."""

Pixels = Mapping[str, torch.Tensor]
"""The inputs by which a model sees the pictures of a prompt, by name."""


@dataclass
class ImageTexts(Texts):
    """A processor of transformers with the prompt format of its model.

    Pictures come before the text. Where a text spells a control token, such as the one that stands
    for a picture, a space is put into it, since processors tokenise what they format.

    A prompt of texts alone is one of ``Texts``. One with pictures is never cut: an answer about
    part of a picture would mean nothing.

    Attributes:
        processor: of a tokenizer and pictures.
        store: where the pictures are.
        most_bytes: of pictures in the form the model reads, which are kept to be read again.
    """

    processor: Any = field(kw_only=True)
    store: ImageStore = field(default_factory=ImageStore, kw_only=True)
    most_bytes: int = field(default=MOST_BYTES, kw_only=True)
    _seen: OrderedDict[tuple[str, ...], Pixels] = field(default_factory=OrderedDict, init=False)
    _known: OrderedDict[tuple[str, tuple[str, ...]], list[int]] = field(
        default_factory=OrderedDict, init=False
    )
    _kept: int = field(default=0, init=False)
    """Bytes of what was seen."""

    def __post_init__(self) -> None:
        require_pillow()
        super().__post_init__()

    def pixels(self, images: tuple[str, ...]) -> Pixels:
        """The model's inputs for the pictures; empty without pictures."""
        if not images:
            return {}
        if images not in self._seen:
            self._look("a", images)
        self._seen.move_to_end(images)
        return self._seen[images]

    def marks(self, ids: Sequence[int], start: int) -> dict[str, list[int]]:
        """The model's inputs beside each token, by name.

        Args:
            ids: of a prompt and a response.
            start: the place of the response's first token.
        """
        if self._is_prefix:
            return {"token_type_ids": [int(i >= start) for i in range(len(ids))]}
        if not self._marked:
            return {}
        (own,) = self.processor.create_mm_token_type_ids([list(ids)])
        return dict.fromkeys(self._marked, own)

    def save(self, folder: Path) -> None:
        """Write the processor, its tokenizer included."""
        self.processor.save_pretrained(folder)

    @cached_property
    def _is_prefix(self) -> bool:
        """Whether prompts are read in both directions, as PaliGemma's are, and targets are not."""
        return "suffix" in inspect.signature(type(self.processor).__call__).parameters

    def _encode_starts(self, prompts: Sequence[Prompt]) -> list[list[int]]:
        plain = iter(super()._encode_starts([p for p in prompts if not p.images]))
        return [self._ids_of(p.text, p.images) if p.images else next(plain) for p in prompts]

    def _ids_of(self, text: str, images: tuple[str, ...]) -> list[int]:
        """Token ids of a text after pictures, which are asked for often."""
        if (known := self._known.get((text, images))) is None:
            known = self._known[text, images] = self._look(text, images)
            if len(self._known) > MOST_PROMPTS:
                self._known.popitem(last=False)
        return list(known)

    def _shortened(self, prompt: Prompt, ids: list[int], room: int) -> list[int]:
        if prompt.images and len(ids) > room:
            raise ConfigError(
                f"a prompt with {len(prompt.images)} pictures has {len(ids)} tokens, and {room} "
                "fit; choose smaller pictures, a shorter max_new_tokens or a larger context"
            )
        return super()._shortened(prompt, ids, room)

    def _look(self, text: str, images: tuple[str, ...]) -> list[int]:
        """Token ids of a text after pictures; what the model sees of these is kept."""
        pictures = [open_image(self.store.get(name), f"picture {name}") for name in images]
        of_tokens, pixels = self._processed(self._without_controls(text), pictures)
        self._keep(images, pixels)
        return list(map(int, of_tokens["input_ids"][0]))

    def _processed(self, text: str, pictures: Sequence[Any]) -> tuple[Pixels, Pixels]:
        """The processor's tokens of a text after pictures, and its inputs for the pictures."""
        if self.chat:
            text = self._formatted(text, images=len(pictures))
        else:
            text = f"{self.processor.image_token * len(pictures)}{text}"
        read = self.processor(
            text=[text], images=[pictures], return_tensors="pt", add_special_tokens=not self.chat
        )
        shape = read["input_ids"].shape
        of_tokens = {name: value for name, value in read.items() if value.shape[:2] == shape}
        return of_tokens, {n: value for n, value in read.items() if n not in of_tokens}

    @cached_property
    def _marked(self) -> frozenset[str]:
        """Names of what tells the model which tokens are of pictures."""
        picture = open_image(draw_plain(64, (200, 40, 40)), "a plain picture")
        of_tokens, _ = self._processed("a", [picture])
        return frozenset(of_tokens) & {"token_type_ids", "mm_token_type_ids"}

    def _keep(self, images: tuple[str, ...], pixels: Pixels) -> None:
        self._kept += _bytes_of(pixels) - _bytes_of(self._seen.pop(images, {}))
        self._seen[images] = pixels
        while len(self._seen) > 1 and self._kept > self.most_bytes:
            self._kept -= _bytes_of(self._seen.popitem(last=False)[1])

    def _without_controls(self, text: str) -> str:
        """The text with a space in each control token that it spells."""
        for token in self._control_texts:
            text = text.replace(token, f"{token[:1]} {token[1:]}")
        return text

    @cached_property
    def _control_texts(self) -> list[str]:
        texts = {str(self.tokenizer.convert_ids_to_tokens(token)) for token in self.controls}
        return sorted((text for text in texts if len(text) > 1), key=len, reverse=True)

    def _formatted(self, *contents: str, images: int = 0) -> str:
        """As of ``Texts``, with so many pictures before the first text."""
        parts = [[{"type": "text", "text": content}] for content in contents]
        parts[0][:0] = [{"type": "image"}] * images
        return super()._formatted(*parts)


def _bytes_of(pixels: Pixels) -> int:
    return sum(tensor.nbytes for tensor in pixels.values())
