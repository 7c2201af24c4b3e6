"""Control tokens, and text that spells one as the tokens of its characters."""

from __future__ import annotations

from collections.abc import Iterator, Set
from typing import Any


def control_tokens(tokenizer: Any, own: Set[int] = frozenset()) -> frozenset[int]:
    """Tokens that only a prompt format may write.

    Args:
        tokenizer: of transformers.
        own: tokens of the prompt format; those that were added to the vocabulary are control
            tokens whether or not they were declared special.
    """
    added = tokenizer.added_tokens_decoder
    special = {i for i, token in added.items() if token.special or i in own}
    special.update(tokenizer.all_special_ids)
    unknown = tokenizer.unk_token_id
    roles = {tokenizer.bos_token_id, tokenizer.eos_token_id, tokenizer.pad_token_id}
    # What stands for characters that a tokenizer does not know is text, unless it is more.
    return frozenset(special - ({unknown} - roles))


def spelled(tokenizer: Any, text: str, controls: Set[int]) -> list[int]:
    """Token ids of a text that spells control tokens, without those tokens."""
    return [
        i
        for piece, _ in _pieces(tokenizer, text, controls)
        for i in _ids(tokenizer, piece)
        if i not in controls
    ]


def spelled_starts(tokenizer: Any, text: str, controls: Set[int]) -> list[int]:
    """Places in the text at which each token of ``spelled`` begins; for fast tokenizers."""
    starts = []
    for piece, place in _pieces(tokenizer, text, controls):
        whole = tokenizer(
            piece, add_special_tokens=False, split_special_tokens=True, return_offsets_mapping=True
        )
        for i, (first, _) in zip(whole["input_ids"], whole["offset_mapping"], strict=True):
            if i not in controls:
                starts.append(place + first)
    return starts


def _pieces(tokenizer: Any, text: str, controls: Set[int]) -> Iterator[tuple[str, int]]:
    """The text and 0, or, where that is not enough, pieces that spell nothing and their places."""
    if controls.isdisjoint(_ids(tokenizer, text)):
        yield text, 0
        return
    names = [str(tokenizer.convert_ids_to_tokens(i)) for i in controls]
    start = 0
    for place in range(1, len(text)):
        if any(text.startswith(name, place - 1) for name in names):
            yield text[start:place], start  # after the first character of a name
            start = place
    yield text[start:], start


def _ids(tokenizer: Any, text: str) -> list[int]:
    """Token ids, special tokens taken for text by the tokenizers that can."""
    ids: list[int] = tokenizer(text, add_special_tokens=False, split_special_tokens=True)[
        "input_ids"
    ]
    return ids
