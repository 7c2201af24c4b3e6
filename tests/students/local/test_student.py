"""Language-model students: answers, checkpoints, export, and the tokenizer of ``tiny``."""

from __future__ import annotations

import pickle
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from teachgym.benchmarks.models.tokenizers import CHARACTERS, make_tokenizer
from teachgym.errors import ConfigError, UnknownNameError
from teachgym.students import require_student
from teachgym.students.bases import BASES, base_card
from teachgym.students.local.student import LanguageModelStudent
from teachgym.testing import check_student
from teachgym.types import Checkpoint, Prompt
from tests.students.models import make_model, untrained_tiny

PROMPTS = [Prompt(text) for text in ("copy ab=", "rev abc=", "add 12+34=", "rev xyz=", "x")]


@pytest.fixture
def student() -> LanguageModelStudent:
    """The architecture of ``tiny`` with random weights."""
    untrained: LanguageModelStudent = untrained_tiny(1)
    return untrained


def disturb(student: LanguageModelStudent, amount: float = 1.0) -> None:
    with torch.no_grad():
        for parameter in student.model.parameters():
            parameter.add_(amount)


def answer_step_by_step(student: LanguageModelStudent, prompt: str) -> str:
    """Greedy decoding as the definition has it: no cache, no batch, the whole text every time."""
    ids = student.encode([prompt])[0]
    answer: list[int] = []
    while len(answer) < student.max_new_tokens:
        with torch.no_grad():
            logits = student.model(torch.tensor([ids + answer])).logits[0, -1]
        token = int(logits.argmax())
        if token == student.tokenizer.eos_token_id:
            break
        answer.append(token)
    return str(student.tokenizer.decode(answer, skip_special_tokens=True))


# -- answers ---------------------------------------------------------------------------------


def test_the_student_keeps_the_contract_of_students(student: LanguageModelStudent) -> None:
    check_student(student, PROMPTS)


def test_answers_are_those_of_greedy_decoding_one_token_at_a_time(
    student: LanguageModelStudent,
) -> None:
    assert student.generate(PROMPTS) == [answer_step_by_step(student, p.text) for p in PROMPTS]


def test_an_answer_depends_on_its_prompt_alone(student: LanguageModelStudent) -> None:
    together = student.generate(PROMPTS)
    assert student.generate(PROMPTS[::-1]) == together[::-1]
    assert [student.generate([p])[0] for p in PROMPTS] == together
    assert student.generate(PROMPTS * 20) == together * 20


def test_answering_nothing_is_nothing_and_an_empty_prompt_is_refused(
    student: LanguageModelStudent,
) -> None:
    assert student.generate([]) == []
    with pytest.raises(ConfigError, match="prompt 1 has no tokens"):
        student.generate([Prompt("copy a="), Prompt("")])


def test_no_answer_has_more_tokens_than_the_limit(student: LanguageModelStudent) -> None:
    for limit in (1, 3):
        short = LanguageModelStudent.of(student.model, student.tokenizer, max_new_tokens=limit)
        assert all(len(answer) <= limit for answer in short.generate(PROMPTS))


# -- the tokenizer ---------------------------------------------------------------------------


def test_a_token_is_a_character_and_texts_come_back_as_they_were(
    student: LanguageModelStudent,
) -> None:
    """Ids are 0 <pad>, 1 <eos>, 2 <unk>, then the characters in order: a = 3, b = 4, 0 = 29."""
    assert student.encode(["ab0", ""]) == [[3, 4, 29], []]
    ids = student.encode([CHARACTERS])[0]
    assert ids == list(range(3, 3 + len(CHARACTERS)))
    assert student.tokenizer.decode(ids) == CHARACTERS


def test_unknown_characters_are_one_unknown_token_each(student: LanguageModelStudent) -> None:
    assert student.encode(["aé☃"]) == [[3, 2, 2]]


def test_tokens_are_counted_with_one_end_per_text(student: LanguageModelStudent) -> None:
    """'ab' and '' are 2 + 1 and 0 + 1."""
    assert student.count_tokens(["ab", ""]) == 4


# -- checkpoints -----------------------------------------------------------------------------


def test_restoring_undoes_every_change_bit_for_bit(student: LanguageModelStudent) -> None:
    checkpoint, answers = student.save(), student.generate(PROMPTS)
    parameters = list(student.model.parameters())
    disturb(student)
    assert student.save() != checkpoint
    student.restore(checkpoint)
    assert student.save() == checkpoint
    assert student.generate(PROMPTS) == answers
    assert all(a is b for a, b in zip(parameters, student.model.parameters(), strict=True))


def test_a_checkpoint_holds_each_weight_once(student: LanguageModelStudent) -> None:
    """The head is the embedding, so it has no array of its own."""
    n_weights = sum(p.numel() for p in student.model.parameters())
    arrays = student.save().arrays
    assert "model.embed_tokens.weight" in arrays
    assert "lm_head.weight" not in arrays
    assert sum(a.size for name, a in arrays.items() if "inv_freq" not in name) == n_weights


def test_untied_weights_are_both_kept_and_restored() -> None:
    student = LanguageModelStudent.of(
        make_model(tie_word_embeddings=False), make_tokenizer(), max_new_tokens=5
    )
    checkpoint = student.save()
    disturb(student)
    student.restore(checkpoint)
    assert "lm_head.weight" in checkpoint.arrays
    assert student.save() == checkpoint


def test_read_only_arrays_can_be_restored(student: LanguageModelStudent) -> None:
    arrays = dict(student.save().arrays)
    for array in arrays.values():
        array.flags.writeable = False
    disturb(student)
    student.restore(Checkpoint(arrays))
    assert student.save() == Checkpoint(arrays)


@pytest.mark.parametrize("change", ["missing", "reshaped"])
def test_the_checkpoint_of_another_model_is_refused_and_changes_nothing(
    student: LanguageModelStudent, change: str
) -> None:
    before = student.save()
    arrays = dict(before.arrays)
    if change == "missing":
        del arrays["model.norm.weight"]
    else:
        arrays["model.norm.weight"] = np.zeros(1, dtype=np.float32)
    with pytest.raises(ConfigError, match=r"these weights differ: model\.norm\.weight"):
        student.restore(Checkpoint(arrays))
    assert student.save() == before


def test_a_pickled_student_answers_alike(student: LanguageModelStudent) -> None:
    copy = pickle.loads(pickle.dumps(student))
    assert copy.save() == student.save()
    assert copy.generate(PROMPTS) == student.generate(PROMPTS)
    disturb(copy)
    assert copy.save() != student.save()


# -- loading and exporting -------------------------------------------------------------------


def test_an_exported_student_is_an_ordinary_transformers_model(
    student: LanguageModelStudent, tmp_path: Path
) -> None:
    student.export(tmp_path)
    model: Any = AutoModelForCausalLM.from_pretrained(tmp_path)
    tokenizer = AutoTokenizer.from_pretrained(tmp_path)
    ids = tokenizer(["rev abc="], add_special_tokens=False, return_tensors="pt")["input_ids"]
    assert ids.tolist() == student.encode(["rev abc="])
    with torch.no_grad():
        assert torch.equal(model.eval()(ids).logits, student.model(ids).logits)


def test_an_exported_student_is_loaded_by_its_path(
    student: LanguageModelStudent, tmp_path: Path
) -> None:
    student.export(tmp_path)
    again = LanguageModelStudent.load(str(tmp_path), device="cpu", max_new_tokens=7)
    assert again.save() == student.save()
    assert again.max_new_tokens == 7
    assert not again.model.training


def test_a_student_that_does_not_exist_is_an_error_that_names_it(tmp_path: Path) -> None:
    path = str(tmp_path / "nowhere")
    with pytest.raises(UnknownNameError, match=r"no student .*nowhere.*save_pretrained"):
        LanguageModelStudent.load(path)


@pytest.mark.parametrize("limit", [0, -1])
def test_a_limit_that_allows_no_answer_is_refused(
    student: LanguageModelStudent, limit: int
) -> None:
    with pytest.raises(ConfigError, match=f"max_new_tokens is {limit}; it must be 1 or more"):
        LanguageModelStudent.of(student.model, student.tokenizer, max_new_tokens=limit)


def test_a_tokenizer_without_an_end_is_refused(student: LanguageModelStudent) -> None:
    student.tokenizer.eos_token = None
    with pytest.raises(ConfigError, match="no end-of-sequence token"):
        LanguageModelStudent.of(student.model, student.tokenizer, max_new_tokens=5)


# -- the student that ships ------------------------------------------------------------------


@pytest.fixture(scope="module")
def tiny() -> LanguageModelStudent:
    return LanguageModelStudent.load("tiny", device="cpu")


def test_tiny_is_small_and_keeps_the_contract_of_students(tiny: LanguageModelStudent) -> None:
    assert 3e5 < sum(p.numel() for p in tiny.model.parameters()) < 6e5
    check_student(tiny, PROMPTS[:4])


@pytest.mark.parametrize(
    "number", [0, *(pytest.param(n, marks=[pytest.mark.slow]) for n in range(1, BASES["tiny"]))]
)
def test_tiny_knows_what_its_card_says(number: int) -> None:
    """Measured again: at most one validation item in fifty may differ between processors."""
    from teachgym.evaluation import GenerateAndGrade
    from teachgym.tasks import make_task

    card = base_card("tiny", number)
    task = make_task("arithmetic-and-strings", val_per_cell=card["val_per_cell"])
    student = LanguageModelStudent.load("tiny", base=number, device="cpu")
    report = GenerateAndGrade().evaluate(student, task, "val")
    assert report.accuracy == pytest.approx(card["val_accuracy"], abs=0.02)
    assert set(card["learnable"]) < set(report.by_skill())


def test_the_default_base_is_number_0_and_others_are_other_students() -> None:
    first, default, other = (
        LanguageModelStudent.load("tiny", device="cpu", **settings).fingerprint()
        for settings in ({"base": 0}, {}, {"base": 1})
    )
    assert first == default != other


@pytest.mark.parametrize(
    ("name", "number", "message"),
    [
        ("tiny", 7, "base is 7, and the student 'tiny' has the bases 0 to 6"),
        ("tiny", -1, "base is -1; it must be 0 or more"),
        ("gpt2", 1, "base is 1, and the student 'gpt2' has but one"),
    ],
)
def test_a_base_that_does_not_exist_is_refused_before_anything_is_loaded(
    name: str, number: int, message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        require_student(name, {"base": number})


def names_above(bar: float, scores: dict[str, float]) -> Sequence[str]:
    return [name for name, score in scores.items() if score > bar]
