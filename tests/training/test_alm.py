"""ALM: where two tokenizations are cut, its loss by hand, and a teacher model of other tokens."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import accumulate
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from teachgym.benchmarks.models.embedded import KINDS
from teachgym.benchmarks.models.pretrain import make_student
from teachgym.benchmarks.models.tokenizers import make_subword_tokenizer
from teachgym.students.hf.student import HuggingFaceStudent
from teachgym.students.local.student import LanguageModelStudent
from teachgym.students.texts import Texts
from teachgym.training.alm import Alm, cut, ends, with_pieces
from teachgym.training.datum import Datum, encode
from teachgym.training.fine_tuning import FineTuner
from teachgym.training.hf import HuggingFaceTrainer
from teachgym.training.losses import Pieces, Targets
from teachgym.training.settings import FineTuningSettings
from teachgym.training.teacher_models import ModelTeacher
from teachgym.types import Cost, Example, Turn
from tests.students.models import untrained_tiny

CORPUS = ["copy abab= abab rev abcd= dcba", "héé ho ho ho"] * 5
STILL = FineTuningSettings(loss="alm", learning_rate=1e-30, optimizer="adamw")


@pytest.fixture(scope="module")
def other() -> LanguageModelStudent:
    """Tokens of bytes and of several letters; random weights."""
    made: LanguageModelStudent = make_student(KINDS["tiny"], make_subword_tokenizer(CORPUS, 275), 5)
    return made


@pytest.fixture(scope="module")
def student() -> LanguageModelStudent:
    made: LanguageModelStudent = untrained_tiny(1)
    return made


def told(student: LanguageModelStudent, teacher: LanguageModelStudent, e: Example) -> Datum:
    needs = Alm().needs
    (datum,) = ModelTeacher(teacher).read(student.texts, encode(student.texts, (e,), needs), needs)
    return datum


# -- where texts are cut ---------------------------------------------------------------------

LENGTHS = st.lists(st.integers(1, 4), min_size=1, max_size=12)


@given(LENGTHS, LENGTHS)
def test_pieces_end_in_both_and_are_the_shortest(own: list[int], others: list[int]) -> None:
    """Two cuts of one text: the shorter one is given the rest of the longer one."""
    gap = sum(own) - sum(others)
    (others if gap > 0 else own).extend([abs(gap)] if gap else [])
    mine, theirs = list(accumulate(own)), list(accumulate(others))
    pieces = cut(mine, theirs)
    found = [list(accumulate(counts)) for counts in zip(*pieces, strict=True)]
    assert [mine[i - 1] for i in found[0]] == [theirs[j - 1] for j in found[1]]
    assert [mine[i - 1] for i in found[0]] == sorted({*mine} & {*theirs})
    assert (found[0][-1], found[1][-1]) == (len(own), len(others))


def test_tokens_of_half_a_letter_are_in_one_piece(other: LanguageModelStudent) -> None:
    """A letter that the corpus lacks is two tokens, which both end with it."""
    assert ends(other.texts, "aü") == [1, 2, 2]
    assert cut([1, 2], [1, 2, 2]) == [(1, 1), (1, 2)]


def test_a_space_belongs_to_the_token_that_holds_it(other: LanguageModelStudent) -> None:
    """Whether the tokenizer tells where the space or where its word begins: ends are the same."""
    assert ends(other.texts, "ho ho") == [2, 5]
    tokenizer = make_subword_tokenizer(CORPUS, 275)
    from tokenizers import processors

    tokenizer.backend_tokenizer.post_processor = processors.ByteLevel(trim_offsets=True)
    assert ends(Texts(tokenizer, 64), "ho ho") == [2, 5]


def test_a_target_that_spells_a_control_token_is_one_piece(other: LanguageModelStudent) -> None:
    target = "a<eos>b"
    found = ends(other.texts, target)
    assert set(found) == {len(target)}
    assert len(found) == len(other.encode([target])[0])


# -- by hand ---------------------------------------------------------------------------------


def row(probability: float) -> list[float]:
    """Logits over two tokens that give the second one that probability."""
    return [math.log(1 - probability), math.log(probability)]


def test_the_loss_is_the_formula_by_hand() -> None:
    """Two tokens at 0.5 are a piece of 0.25, the teacher's is 0.5: log 2 / 2 + log(2/3) / 2.

    That is 0.1438, at the first row, of weight 1/3. Nothing is known of the third token. At tau 2
    the probabilities are sqrt(0.5) and 0.5: 0.7071 log 1.4142 + 0.2929 log 0.5858 = 0.0884.
    """
    logits = torch.tensor([row(0.5), row(0.5), row(0.9)])
    number = torch.tensor([0, 0, 1])
    targets = Targets(
        labels=torch.tensor([1, 1, 1]),
        weights=torch.full((3,), 1 / 3),
        texts=torch.zeros(3, dtype=torch.long),
        groups=torch.zeros(3, dtype=torch.long),
        shares=torch.zeros(3),
        references=torch.zeros(3),
        pieces=Pieces(number, torch.tensor([math.log(0.5), math.log(0.5), math.nan])),
    )
    for tau, expected in ((1.0, 0.1438), (2.0, 0.0884)):
        found = Alm(tau=tau)(logits, targets)
        assert (3 * found).tolist() == pytest.approx([expected, 0, 0], abs=5e-5)


def test_a_piece_is_as_likely_as_its_tokens_are_together(
    student: LanguageModelStudent, other: LanguageModelStudent
) -> None:
    """Four letters are four tokens to one and fewer to the other; the end follows."""
    e = Example("copy abab=", "abab", "copy")
    datum = told(student, other, e)
    (scores,) = other.logprobs([e.question], [e.target])
    n_tokens = len(scores) - 1
    assert n_tokens in (1, 2)
    assert [n for n, _ in datum.pieces] == [4 // n_tokens] * n_tokens + [1]
    assert [p for _, p in datum.pieces] == pytest.approx(scores.tolist())


def test_with_equal_tokens_every_token_is_a_piece_and_an_equal_model_has_nothing_to_teach(
    student: LanguageModelStudent,
) -> None:
    e = Example("copy ab=", "ab", "copy")
    datum = told(student, student, e)
    (scores,) = student.logprobs([e.question], [e.target])
    assert [n for n, _ in datum.pieces] == [1, 1, 1]
    assert [p for _, p in datum.pieces] == pytest.approx(scores.tolist())
    trainer = FineTuner(STILL, teacher_model=ModelTeacher(student))
    assert trainer.train(untrained_tiny(1), (e,), np.random.default_rng(0)).loss < 1e-8


# -- what nothing is known of ----------------------------------------------------------------


def test_masked_tokens_leave_their_pieces_out(
    student: LanguageModelStudent, other: LanguageModelStudent
) -> None:
    masked = Example("copy abab=", "abab", "copy", spans=(("a", 0.0), ("bab", 1.0)))
    whole = told(student, other, Example("copy abab=", "abab", "copy"))
    pieces = told(student, other, masked).pieces
    assert sum(n for n, _ in pieces) == 4
    assert math.isnan(pieces[0][1])
    assert pieces[1:] == whole.pieces[1:]


def test_turns_are_read_and_their_responses_are_no_pieces(
    student: LanguageModelStudent, other: LanguageModelStudent
) -> None:
    """A response of one letter and its end are two tokens with a weight."""
    datum = told(student, other, Example("a", "ab", "copy", turns=(Turn("b", "c"),)))
    assert datum.pieces[0][0] == 2
    assert math.isnan(datum.pieces[0][1])
    assert sum(n for n, _ in datum.pieces) == datum.n_rows == 5


def test_a_batch_without_any_loss_has_no_pieces_however_it_is_computed(
    student: LanguageModelStudent, other: LanguageModelStudent
) -> None:
    """As it is, padded to a size for capturing, and by the reference trainer."""
    masked = (Example("copy ab=", "ab", "copy", spans=(("ab", 0.0),)),)
    (datum,) = encode(student.texts, masked, Alm().needs)
    assert [n for n, _ in with_pieces(student.texts, datum, other.texts, [-1.0] * 2).pieces] == [0]
    model, one = ModelTeacher(other), untrained_tiny(1)
    padded = HuggingFaceStudent(one.model, one.texts, max_new_tokens=8)
    for trainer, taught in (
        (FineTuner(STILL, teacher_model=model), student),
        (FineTuner(replace(STILL, captured=True), teacher_model=model), student),
        (HuggingFaceTrainer(STILL, teacher_model=model), padded),
    ):
        result = trainer.train(taught, masked, np.random.default_rng(0))
        assert (result.steps, math.isnan(result.loss)) == (1, True)


def test_what_was_cut_to_fit_is_passed_over(student: LanguageModelStudent) -> None:
    (datum,) = encode(student.texts, (Example("a" * 9, "b" * 80, "copy"),), Alm().needs)
    cut_short = with_pieces(student.texts, datum, student.texts, [-1.0] * 81)
    assert len(cut_short.pieces) == 1
    assert math.isnan(cut_short.pieces[0][1])


# -- the teacher model -----------------------------------------------------------------------


def test_reading_costs_the_teachers_own_tokens(
    student: LanguageModelStudent, other: LanguageModelStudent
) -> None:
    e = Example("copy abab=", "abab", "copy")
    expected = sum(len(ids) for ids in other.encode([e.prompt, e.target])) + 1
    trainer = FineTuner(STILL, teacher_model=ModelTeacher(other))
    assert trainer.cost(student, (e,)) == Cost(train_tokens=15, teacher_tokens_in=expected)


def test_the_student_comes_closer_to_a_teacher_of_other_tokens(
    other: LanguageModelStudent,
) -> None:
    """By how likely the pieces are; at tau 1 the events themselves are compared."""
    data = tuple(Example(f"copy {a}{b}=", a + b, "copy") for a in "abcd" for b in "abcd")
    student: Any = untrained_tiny(1)
    settings: dict[str, Any] = {"loss": "alm", "loss_settings": {"tau": 1.0}}
    taught = FineTuner(
        FineTuningSettings(**settings, epochs=10, optimizer="adamw"),
        teacher_model=ModelTeacher(other),
    ).train(student, data, np.random.default_rng(0))
    still = FineTuner(
        FineTuningSettings(**settings, learning_rate=1e-30), teacher_model=ModelTeacher(other)
    )
    after = still.train(student, data, np.random.default_rng(0)).loss
    assert after < 0.5 * float(np.mean(taught.losses))
