"""The head with its loss: losses of rows, and the gradient of the hidden states before them.

By autograd for any loss, or by Liger's kernel for plain cross entropy, which turns logits into
losses and gradients in one pass over them. The kernel is chosen once, by ``kernel_for``.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import torch
from torch import nn

from teachgym.errors import ConfigError, require_packages
from teachgym.students.local.pool import StudentPool
from teachgym.training.losses import Loss, Sft, Targets, losses_of

Kernel = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
"""The cross entropy of each label (n,) by logits (n, V), in 32 bits, (n,); the logits become its
gradients in place."""

Differentiated = tuple[torch.Tensor, torch.Tensor | None]
"""Losses of n rows, (n,), and the gradient of their sum by the hidden states, (n, d); None where
the losses do not depend on them."""

_WIDEST = 2**15
"""Logits that one block of the kernel takes at a time, as in Liger's own calls."""


def by_autograd(
    pool: StudentPool, loss: Loss, hidden: torch.Tensor, told: Targets, counts: Sequence[int]
) -> Differentiated:
    """Any loss; trained heads get their gradients.

    Args:
        pool: of the students.
        loss: what is minimised.
        hidden: before the head, (n, d).
        told: what the rows should have predicted.
        counts: rows of each student, (K,).
    """
    leaf = hidden.detach().requires_grad_()
    if loss.needs.hidden:
        told = replace(told, hidden=leaf)
    with pool.computing(), pool.layout.blocks(counts):
        losses = losses_of(loss, pool.logits(leaf), told)
    losses.sum().backward()  # type: ignore[no-untyped-call]
    return losses.detach(), leaf.grad


@torch.no_grad()
def by_kernel(
    pool: StudentPool, kernel: Kernel, hidden: torch.Tensor, told: Targets, counts: Sequence[int]
) -> Differentiated:
    """Weighted cross entropy behind a frozen head.

    A row's gradient depends on its own loss alone, so that its weight, of either sign, is
    multiplied with it after the head's product, where it is small.
    """
    with pool.layout.blocks(counts):
        logits = pool.logits(hidden)
    losses = kernel(logits, told.labels)
    slopes = logits @ pool.network.model.get_output_embeddings().weight
    return losses * told.weights, (slopes * told.weights[:, None]).to(hidden.dtype)


def kernel_for(pool: StudentPool, loss: Loss, fused: bool | None) -> Kernel | None:
    """The kernel of an update, None for autograd.

    Args:
        pool: of the students.
        loss: what is minimised.
        fused: as in ``FineTuningSettings``.

    Raises:
        ConfigError: if the kernel is asked for and cannot compute the loss.
        MissingExtraError: if it is asked for and not installed.
    """
    if fused is None:
        on_gpu = pool.network.device.type == "cuda"
        is_there = on_gpu and find_spec("liger_kernel") is not None
        return liger() if is_there and not _why_not(pool, loss) else None
    if not fused:
        return None
    if reason := _why_not(pool, loss):
        raise ConfigError(f"trainer_settings.fused is True, but {reason}; leave it out")
    return liger()


def _why_not(pool: StudentPool, loss: Loss) -> str:
    """The reason why the kernel cannot take the head's place, "" if it can."""
    network, probe = pool.network, torch.tensor([1.0, -2.0])
    if type(loss).__call__ is not Sft.__call__:
        return f"{type(loss).__name__} is not plain cross entropy"
    if pool.lora is None or not isinstance(network.model.get_output_embeddings(), nn.Linear):
        return "the output head is trained, or no linear layer"
    if not torch.equal(network.bounded(probe), probe):
        return "the model scales or caps its logits"
    if pool.layout.strict:
        return "strict students do not share products"
    if network.device.type != "cuda" and os.environ.get("TRITON_INTERPRET") != "1":
        return "its kernel runs on GPUs"
    return ""


def liger() -> Kernel:
    """Liger's kernel for cross entropy (Hsu et al. 2024, arXiv 2410.10989, section 3.2).

    Called as Liger's own functions call it, which read the count of targets on the host, and so
    cannot be captured.

    Raises:
        MissingExtraError: if Liger is not installed.
    """
    require_packages("gpu", "liger_kernel")
    module: Any = import_module("liger_kernel.ops.cross_entropy")

    def kernel(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        n, n_tokens = logits.shape
        losses = torch.zeros(n, device=logits.device)
        module.liger_cross_entropy_kernel[(n,)](
            **_without_extras,
            X_ptr=logits,
            X_stride=logits.stride(0),
            Y_ptr=labels,
            Y_stride=labels.stride(0),
            loss_ptr=losses,
            loss_stride=1,
            n_cols=n_tokens,
            BLOCK_SIZE=min(_WIDEST, 1 << (n_tokens - 1).bit_length()),
        )
        return losses

    return kernel


_without_extras: dict[str, Any] = {
    **dict.fromkeys(("weight_ptr", "z_loss_ptr", "token_accuracy_ptr", "predicted_tokens_ptr")),
    **dict.fromkeys(("token_accuracy_stride", "predicted_tokens_stride", "weight_sum"), 0),
    **dict.fromkeys(("n_non_ignore", "sum_non_ignore_weight"), 1),
    **dict.fromkeys(("RETURN_Z_LOSS", "RETURN_TOKEN_ACCURACY", "RETURN_PREDICTED_TOKENS"), False),
    **{"HAS_WEIGHT": False, "HAS_SOFTCAPPING": False, "HAS_GRADIENTS": True, "softcap": None},
    **{"ignore_index": -100, "lse_square_scale": 0.0, "label_smoothing": 0.0, "num_warps": 32},
    "reduction": "none",
}
"""Arguments of the kernel for plain cross entropy of each row, of liger-kernel 0.8."""
