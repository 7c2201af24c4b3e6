"""A transformers encoder from a folder: a tiny random one, made here."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

from teachgym.skills.clustering import Clusters
from teachgym.skills.encoding import load_encoder
from teachgym.types import Example

WORDS = ("[PAD]", "[UNK]", "add", "two", "sort", "words", "now")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("encoder")
    raw = Tokenizer(models.WordLevel({w: i for i, w in enumerate(WORDS)}, unk_token="[UNK]"))
    raw.pre_tokenizer = pre_tokenizers.Whitespace()
    PreTrainedTokenizerFast(
        tokenizer_object=raw, pad_token="[PAD]", unk_token="[UNK]"
    ).save_pretrained(path)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        size = {"hidden_size": 16, "intermediate_size": 16, "num_attention_heads": 2}
        BertModel(BertConfig(vocab_size=len(WORDS), num_hidden_layers=1, **size)).save_pretrained(
            path
        )
    return path


def test_a_vector_is_the_mean_over_the_tokens_of_a_text_alone(folder: Path) -> None:
    """Padding changes nothing: alone or beside a longer text, a vector is the same."""
    encode = load_encoder(folder)
    both = encode(["add two", "sort words now now now"])
    assert both.shape == (2, 16)
    assert np.linalg.norm(both, axis=1) == pytest.approx(1)
    np.testing.assert_allclose(encode(["add two"]), both[:1], atol=1e-6)
    assert not np.allclose(both[0], both[1], atol=1e-3)


def test_clusters_use_the_encoder(folder: Path) -> None:
    texts = ["add two", "add two now", "sort words", "sort words now"]
    examples = [Example(text, "?", "x", str(i)) for i, text in enumerate(texts)]
    found = Clusters(skills=2, encoder=str(folder))
    found.discover(examples)
    groups = [found.assign(e) for e in examples]
    assert len(set(groups)) == 2
