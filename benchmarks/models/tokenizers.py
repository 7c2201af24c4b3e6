"""Make the tokenizers of embedded students: characters, byte-level pieces of words, or words."""

from __future__ import annotations

import string
from collections.abc import Iterable, Sequence
from typing import Any

CHARACTERS = string.ascii_lowercase + string.digits + " =,+-*<TF"
"""The characters of ``tiny``."""
SPECIAL = ("<pad>", "<eos>", "<unk>")
"""Tokens 0, 1 and 2: padding, end, and unknown."""


def make_tokenizer(characters: str = CHARACTERS) -> Any:
    """Make a tokenizer with one token per character, from token 3 on; others are unknown."""
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers

    vocabulary = {token: i for i, token in enumerate((*SPECIAL, *characters))}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex("."), behavior="isolated")
    tokenizer.decoder = decoders.Fuse()
    return _wrapped(tokenizer)


def make_subword_tokenizer(texts: Iterable[str], size: int) -> Any:
    """Learn a byte-pair encoding of ``size`` tokens from ``texts``; each digit is a token.

    The alphabet is the 256 bytes, so every text can be encoded: a character that does not occur in
    the texts becomes the tokens of its bytes.
    """
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Digits(individual_digits=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=size,
        special_tokens=list(SPECIAL),
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return _wrapped(tokenizer)


def make_word_tokenizer(texts: Iterable[str], control: Sequence[str] = ()) -> Any:
    """Make a tokenizer of the words and signs of ``texts``, in alphabetical order from token 3.

    Other words are unknown. ``control`` has further tokens that are never part of a text.
    """
    from tokenizers import Tokenizer, models, pre_tokenizers

    split = pre_tokenizers.Whitespace()
    words = {word for text in texts for word, _ in split.pre_tokenize_str(text)}
    vocabulary = {token: i for i, token in enumerate((*SPECIAL, *sorted(words)))}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    tokenizer.pre_tokenizer = split
    wrapped = _wrapped(tokenizer)
    wrapped.add_special_tokens({"additional_special_tokens": list(control)})
    return wrapped


def _wrapped(tokenizer: Any) -> Any:
    from transformers import PreTrainedTokenizerFast

    make: Any = PreTrainedTokenizerFast
    pad, eos, unk = SPECIAL
    return make(
        tokenizer_object=tokenizer,
        pad_token=pad,
        eos_token=eos,
        unk_token=unk,
        clean_up_tokenization_spaces=False,
    )
