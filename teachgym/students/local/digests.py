"""Digests of weights, of which several threads take parts: billions of numbers take seconds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from itertools import chain

import torch

_PIECE = 2**24
"""Numbers in a part, at most, which only what is larger is divided into."""


def digests_of(tensors: Iterable[torch.Tensor]) -> list[bytes]:
    """SHA-256 of each of the parts of tensors, wherever they are, in order.

    Hashing lets other threads run, so as many take part as torch uses.
    """
    parts = list(chain.from_iterable(map(_parts, tensors)))
    if len(parts) < 2 or sum(map(torch.Tensor.numel, parts)) < _PIECE:
        return list(map(_digest, parts))
    with ThreadPoolExecutor(torch.get_num_threads()) as threads:
        return list(threads.map(_digest, parts))


def _parts(tensor: torch.Tensor) -> Iterator[torch.Tensor]:
    return iter(torch.split(tensor.detach().flatten(), _PIECE))


def _digest(part: torch.Tensor) -> bytes:
    return sha256(part.cpu().contiguous().view(torch.uint8).numpy().data).digest()
