"""Log-probabilities of given texts under a student."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from teachgym.students.local.network import split_by_tokens
from teachgym.students.local.pool import StudentPool
from teachgym.students.texts import require_tokens

TOKENS_AT_ONCE = 4096
"""Tokens read in one pass, at most, unless one text has more."""


@torch.inference_mode()
def score_targets(
    pool: StudentPool, student: int, pairs: Sequence[tuple[Sequence[int], Sequence[int]]]
) -> list[np.ndarray]:
    """The natural log-probability of each target token, given the prompt and the target before it.

    Args:
        pool: of the student.
        student: its index.
        pairs: token ids of prompt and target.

    Raises:
        ConfigError: for a prompt without tokens.
    """
    require_tokens([prompt for prompt, _ in pairs])
    scores: list[np.ndarray] = [np.empty(0)] * len(pairs)

    def length(i: int) -> int:
        return len(pairs[i][0]) + len(pairs[i][1])

    # Equal lengths side by side share one call of attention.
    by_length = sorted(range(len(pairs)), key=length)
    for chosen in split_by_tokens(by_length, length, TOKENS_AT_ONCE):
        with pool.threads():
            found = _score(pool, student, [pairs[i] for i in chosen])
        for i, score in zip(chosen, found, strict=True):
            scores[i] = score
    return scores


def _score(
    pool: StudentPool, student: int, pairs: Sequence[tuple[Sequence[int], Sequence[int]]]
) -> list[np.ndarray]:
    texts = [[*prompt, *target] for prompt, target in pairs]
    ends = np.cumsum([len(text) for text in texts])
    rows = np.concatenate(
        [
            np.arange(end - len(target), end) - 1
            for end, (_, target) in zip(ends, pairs, strict=True)
        ]
    )
    labels = [token for _, target in pairs for token in target]
    device = pool.network.device
    with pool.computing(), pool.layout.only(student, int(ends[-1])):
        hidden = pool.network.packed_hidden(texts)
    with pool.computing(), pool.layout.only(student, len(labels)):
        logits = pool.logits(hidden[torch.from_numpy(rows).to(device)])
    chosen = torch.tensor(labels, device=device)[:, None]
    scores = logits.float().log_softmax(-1).gather(1, chosen)[:, 0].cpu().numpy()
    return np.split(scores, np.cumsum([len(target) for _, target in pairs])[:-1])
