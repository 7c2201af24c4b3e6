"""Names and paths of students: what they load, and what is said of those that do not."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import torch
from huggingface_hub.errors import GatedRepoError
from transformers import AutoTokenizer, LlamaForSequenceClassification
from transformers.utils import logging

from teachgym.benchmarks.models.tokenizers import make_tokenizer
from teachgym.errors import ConfigError, MissingExtraError, UnknownNameError
from teachgym.students import make_student
from teachgym.students.loading import load_model
from teachgym.students.local.student import LanguageModelStudent
from teachgym.students.settings import LanguageModelSettings
from teachgym.tasks import make_task
from teachgym.types import Prompt
from tests.students.models import make_model

IDS = torch.tensor([[3, 4, 5]])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A small model with its tokenizer."""
    make_model().save_pretrained(tmp_path / "model")
    make_tokenizer().save_pretrained(tmp_path / "model")
    return tmp_path / "model"


def raising(error: Exception) -> Any:
    def raise_(*_: object, **__: object) -> None:
        raise error

    return raise_


def change_config(folder: Path, **changes: Any) -> None:
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, **changes}))


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The files of ``someone/small``, as they are kept once they were downloaded; to be filled."""
    model = tmp_path / "hub" / "models--someone--small"
    (model / "refs").mkdir(parents=True)
    (model / "refs" / "main").write_text("0" * 40)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    (model / "snapshots" / ("0" * 40)).mkdir(parents=True)
    return model / "snapshots" / ("0" * 40)


# -- folders and hub -------------------------------------------------------------------------


def test_a_folder_is_loaded_in_its_own_precision(folder: Path) -> None:
    loaded = load_model(str(folder))
    assert loaded.source == str(folder)
    assert not loaded.model.training
    assert torch.equal(loaded.model(IDS).logits, make_model()(IDS).logits)
    make_model().to(torch.bfloat16).save_pretrained(folder)
    assert load_model(str(folder)).model.dtype == torch.bfloat16


@pytest.mark.sweep(1)
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("adaptation", ["lora", "full"])
def test_trained_weights_have_32_bits_whatever_is_computed(
    folder: Path, dtype: Any, adaptation: Any
) -> None:
    """It answers, is trained and answers again; the base of adapters has the asked precision."""
    from teachgym.training import make_trainer
    from teachgym.types import Example

    own = {"rank": 2} if adaptation == "lora" else {}
    task = make_task("arithmetic-and-strings")
    student: Any = make_student(str(folder), task, dtype=dtype, adaptation=adaptation, **own)
    assert all(w.values.dtype == torch.float32 for w in student.pool.weights)
    base = getattr(torch, dtype) if adaptation == "lora" else torch.float32
    assert student.model.get_input_embeddings().weight.dtype == base
    before = student.generate([Prompt("copy ab=")] * 3)
    assert len(set(before)) == 1
    trainer = make_trainer(student, optimizer="adamw", learning_rate=1e-2, epochs=40)
    result = trainer.train(student, (Example("copy ab=", "ba", "copy"),), np.random.default_rng(0))
    assert result.loss < 2
    assert student.generate([Prompt("copy ab=")] * 3) == ["ba"] * 3
    assert student.sample([Prompt("copy ab=")], k=2, temperature=0.01) == [["ba", "ba"]]
    assert np.exp(student.logprobs([Prompt("copy ab=")], ["ba"])[0]).min() > 0.5


def test_small_models_are_trained_in_full_and_large_ones_by_adapters(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = make_task("arithmetic-and-strings")
    small: Any = make_student(str(folder), task)
    assert small.pool.lora is None
    monkeypatch.setattr("teachgym.students.settings.FULL_BELOW", 1000)
    large: Any = make_student(str(folder), task)
    assert large.pool.lora.rank == 16


def test_gradients_messages_and_verbosity_are_left_alone(
    folder: Path, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    """A file with more layers than the model reads is one that transformers reports about."""
    change_config(folder, num_hidden_layers=1)
    verbosity, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    capfd.readouterr()
    loaded = load_model(str(folder))
    assert all(parameter.requires_grad for parameter in loaded.model.parameters())
    assert capfd.readouterr() == ("", "")
    assert not caplog.records
    assert (logging.get_verbosity(), logging.is_progress_bar_enabled()) == (verbosity, bars)


def test_a_hub_model_that_was_downloaded_is_loaded_without_a_network(
    folder: Path, hub: Path
) -> None:
    shutil.copytree(folder, hub, dirs_exist_ok=True)
    loaded = load_model("someone/small")
    assert loaded.source == "someone/small"
    assert torch.equal(loaded.model(IDS).logits, make_model()(IDS).logits)


def test_an_adapter_on_the_hub_is_to_be_downloaded(hub: Path) -> None:
    (hub / "adapter_config.json").write_text('{"base_model_name_or_path": "tiny"}')
    with pytest.raises(UnknownNameError, match="hf download someone/small --local-dir FOLDER"):
        load_model("someone/small")


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("nobody/nothing", "couldn't find them in the cached files"),
        ("/no/such", "no such file or folder"),
        ("./no/such", "no such file or folder"),
        ("models/of/mine", "no such file or folder"),
        ("missing.gguf", "no such file or folder"),
        ("{folder}/tokenizer.json", "not of the GGUF format"),
        ("{folder}/..", "neither a config.json nor a GGUF file"),
        ("", "neither a config.json nor a GGUF file"),
    ],
)
def test_wrong_names_say_what_is_wrong_and_what_there_is(
    folder: Path, name: str, reason: str
) -> None:
    with pytest.raises(UnknownNameError, match=rf"(?s)no student .*{reason}.*save_pretrained.*hub"):
        load_model(name.format(folder=folder))


@pytest.mark.parametrize("kind", ["bert", "bart", "t5", "vit"])
def test_encoders_and_models_of_images_are_refused_although_some_would_load(
    tmp_path: Path, kind: str
) -> None:
    """Of the first two kinds there are causal models, which transformers would load."""
    (tmp_path / "config.json").write_text(json.dumps({"model_type": kind}))
    with pytest.raises(UnknownNameError, match=f"'{kind}' models are not causal language models"):
        load_model(str(tmp_path))


def test_a_model_of_an_unknown_kind_is_named(folder: Path) -> None:
    change_config(folder, model_type="unheard-of")
    with pytest.raises(UnknownNameError, match="unheard-of"):
        load_model(str(folder))


def test_code_that_comes_with_a_model_is_not_run(folder: Path) -> None:
    change_config(folder, model_type="own", auto_map={"AutoConfig": "code.Config"})
    (folder / "code.py").write_text("raise SystemExit('was run')")
    with pytest.raises(UnknownNameError, match="no student"):
        load_model(str(folder))


def test_weights_that_would_be_drawn_at_random_are_refused(folder: Path) -> None:
    """A classifier has no output head, and a longer model no weights for its last layer."""
    model = make_model(tie_word_embeddings=False)
    LlamaForSequenceClassification(model.config).save_pretrained(folder)
    with pytest.raises(UnknownNameError, match=r"lack 1 of the weights .* lm_head\.weight"):
        load_model(str(folder))
    model.save_pretrained(folder)
    change_config(folder, num_hidden_layers=3)
    with pytest.raises(UnknownNameError, match=r"lack 9 of .* model\.layers\.2\."):
        load_model(str(folder))
    change_config(folder, num_hidden_layers=2, intermediate_size=40)
    with pytest.raises(UnknownNameError, match=r"lack 6 of .* other shapes.*\.mlp\.down_proj"):
        load_model(str(folder))


@pytest.mark.parametrize("file", ["model.safetensors", "pytorch_model.bin"])
@pytest.mark.parametrize("content", [b"", b"not weights", None])
def test_missing_and_damaged_weights_are_named(
    folder: Path, file: str, content: bytes | None
) -> None:
    (folder / "model.safetensors").unlink()
    if content is not None:
        (folder / file).write_bytes(content)
    with pytest.raises(UnknownNameError, match="no student"):
        load_model(str(folder))


@pytest.mark.parametrize("file", ["config.json", "tokenizer.json"])
def test_damaged_settings_are_named(folder: Path, file: str) -> None:
    (folder / file).write_text("{")
    with pytest.raises(UnknownNameError, match="no student"):
        load_model(str(folder))


def test_a_gated_model_says_how_to_get_in(monkeypatch: pytest.MonkeyPatch) -> None:
    """The hub's refusal, 403, comes wrapped by transformers in an error of another class."""
    request = httpx.Request("GET", "https://huggingface.co/someone/gated")
    refusal = GatedRepoError("403", response=httpx.Response(403, request=request))
    monkeypatch.setattr("transformers.utils.hub.hf_hub_download", raising(refusal))
    with pytest.raises(UnknownNameError, match=r"gated.*co/someone/gated and .*hf auth login"):
        load_model("someone/gated")


def test_a_package_that_a_tokenizer_needs_is_named(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(AutoTokenizer, "from_pretrained", raising(ImportError("sentencepiece")))
    with pytest.raises(MissingExtraError, match=r"needs a package.*: sentencepiece"):
        load_model(str(folder))


def test_an_adapter_that_names_no_base_is_refused(tmp_path: Path) -> None:
    (tmp_path / "adapter_config.json").write_text("{}")
    with pytest.raises(UnknownNameError, match="names no base model"):
        load_model(str(tmp_path))
    (tmp_path / "adapter_config.json").write_text("{")
    with pytest.raises(ConfigError, match="no readable LoRA adapter"):
        load_model(str(tmp_path))


def test_an_adapter_of_an_adapter_is_refused(tmp_path: Path) -> None:
    """Its base would be loaded without the other one; one that names itself, never."""
    config = json.dumps({"base_model_name_or_path": str(tmp_path)})
    (tmp_path / "adapter_config.json").write_text(config)
    with pytest.raises(UnknownNameError, match="names another adapter as its base"):
        load_model(str(tmp_path))


# -- settings --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("backend", "tf"),
        ("dtype", "int8"),
        ("adaptation", "prefix"),
        ("max_new_tokens", 0),
        ("context", 1),
        ("rank", 0),
        ("rank", "many"),
        ("targets", 3),
        ("device", "gpu7"),
        pytest.param(
            "device",
            "cuda",
            marks=pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU"),
        ),
    ],
)
def test_settings_out_of_range_are_refused_before_anything_is_loaded(
    setting: str, value: Any
) -> None:
    with pytest.raises(ConfigError, match=str(value)):
        LanguageModelSettings(**{setting: value})


def test_students_that_ship_are_on_the_cpu_where_a_gpu_is_there_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    student: Any = make_student("tiny", make_task("arithmetic-and-strings"))
    assert student.pool.network.device.type == "cpu"
    assert student.pool.dtype == torch.float32
    assert LanguageModelSettings().torch_device == "cuda"
    assert LanguageModelSettings(device="cuda").of_small().torch_device == "cuda"


def test_the_longest_answer_is_the_models_own_unless_it_is_asked_for(folder: Path) -> None:
    """24 of a model that does not say; a context that answers would fill is refused."""
    from transformers import GenerationConfig

    def longest(**settings: Any) -> int:
        return LanguageModelStudent.load(str(folder), device="cpu", **settings).max_new_tokens

    assert longest() == 24
    with pytest.raises(ConfigError, match="context is 24; it must be above max_new_tokens, 24"):
        longest(context=24)
    config: Any = GenerationConfig.from_pretrained(folder)
    config.update(max_new_tokens=7)
    config.save_pretrained(folder)
    assert longest() == 7
    assert longest(max_new_tokens=5) == 5


def test_a_context_can_be_smaller_than_the_models(folder: Path) -> None:
    student = LanguageModelStudent.load(str(folder), device="cpu", context=30, max_new_tokens=4)
    assert student.texts.context == 30
    student.generate([Prompt("x" * 60)])
    assert student.texts.cut == 1
