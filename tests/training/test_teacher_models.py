"""Teacher models: what they tell of each token, by an independent computation, and to whom."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest
import torch

from teachgym.envs import teacher_env
from teachgym.errors import ConfigError
from teachgym.protocols import Student
from teachgym.students.local.pool import StudentPool
from teachgym.students.local.student import LanguageModelStudent
from teachgym.students.texts import Texts
from teachgym.training.datum import Datum, Text, encode
from teachgym.training.fine_tuning import FineTuner
from teachgym.training.losses import Needs, TopK
from teachgym.training.settings import FineTuningSettings
from teachgym.training.teacher_models import ModelTeacher, TeacherModel, remembered
from teachgym.types import Cost, Data, Example
from tests.students.models import make_model, untrained_tiny

DATA: Data = (
    Example("copy ab=", "ab", "copy", rejected="b"),
    Example("rev abcd=", "dcba", "rev"),
    Example("last xyz=", "z", "last", rejected="xyz"),
)
PAIRS = Needs(teacher=True, rejected=True)


@pytest.fixture(scope="module")
def teacher() -> LanguageModelStudent:
    made: LanguageModelStudent = untrained_tiny(2)
    return made


def read(model: TeacherModel, student: LanguageModelStudent, needs: Needs = PAIRS) -> list[Datum]:
    return model.read(student.texts, encode(student.texts, DATA, needs), needs)


def expected(student: LanguageModelStudent, datum: Datum, temperature: float) -> torch.Tensor:
    """Log-probabilities of all tokens at each row, one text at a time in 64 bits, (n, V)."""
    rows = []
    with torch.no_grad():
        for text in datum.texts:
            logits = student.model(torch.tensor([text.ids])).logits[0].double()
            places = [i - 1 for i, weight in enumerate(text.weights) if weight]
            rows.append((logits[places] / temperature).log_softmax(-1))
    return torch.cat(rows)


@pytest.mark.parametrize("temperature", [1.0, 2.0])
def test_all_tokens_are_told_as_the_model_gives_them(
    teacher: LanguageModelStudent, temperature: float
) -> None:
    needs = Needs(teacher=True, rejected=True, temperature=temperature)
    for datum in read(ModelTeacher(teacher, top_k=1000), teacher, needs):
        assert datum.teacher is not None
        right = expected(teacher, datum, temperature)
        assert datum.teacher.ids.shape == right.shape == (datum.n_rows, 48)
        found = torch.empty_like(right).scatter_(
            1, datum.teacher.ids.long(), datum.teacher.logprobs.double()
        )
        torch.testing.assert_close(found, right, rtol=0, atol=2e-5)


def test_the_likeliest_are_told_with_their_share_of_all(teacher: LanguageModelStudent) -> None:
    """Falling, and exactly the greatest of all, which a full reading tells in their order."""
    few, all_ = (read(ModelTeacher(teacher, top_k=k), teacher) for k in (3, 48))
    for one, whole in zip(few, all_, strict=True):
        assert one.teacher is not None
        assert whole.teacher is not None
        assert torch.equal(whole.teacher.ids[0], torch.arange(whole.teacher.ids.shape[1]).int())
        greatest = whole.teacher.logprobs.topk(3)
        assert torch.equal(one.teacher.ids, greatest.indices.int())
        assert torch.equal(one.teacher.logprobs, greatest.values)
        assert (one.teacher.logprobs.diff(dim=1) <= 0).all()


def test_of_data_without_any_loss_no_row_is_told(
    teacher: LanguageModelStudent, tmp_path: Path
) -> None:
    """Alone in a pass or beside others, read or remembered; it is read and paid as ever."""
    silent = Example("copy ab=", "ab", "copy", spans=(("ab", 0.0),))
    model, texts = ModelTeacher(teacher, top_k=3), teacher.texts
    for data in ((silent,), (silent, DATA[1])):
        encoded = encode(texts, data)
        for one in (model, *[ModelTeacher(teacher, 3, tmp_path)] * 2):
            told, *_ = one.read(texts, encoded, Needs(teacher=True))
            assert told.teacher is not None
            assert told.teacher.ids.shape == (0, 3)
        assert model.score(texts, encoded, 1.0)[0].references == ()
    trainer = FineTuner(FineTuningSettings(loss="distillation"), teacher_model=model)
    result = trainer.train(untrained_tiny(1), (silent,), np.random.default_rng(0))
    assert (result.steps, result.cost.teacher_tokens_in) == (1, 11)


def test_any_student_of_a_pool_may_teach() -> None:
    """The second of three, whose head alone is changed, tells what it would tell alone."""
    alone = untrained_tiny(2)
    pool = StudentPool(untrained_tiny(2).model, alone.texts, max_new_tokens=8, count=3)
    for student in (0, 2):  # The others know nothing.
        for weight in pool.weights:
            weight.values[student].zero_()
    member = LanguageModelStudent(pool, 1)
    for one, other in zip(
        read(ModelTeacher(alone), alone), read(ModelTeacher(member), alone), strict=True
    ):
        assert one.teacher is not None
        assert other.teacher is not None
        torch.testing.assert_close(one.teacher.logprobs, other.teacher.logprobs)


def test_reading_costs_every_token_once(teacher: LanguageModelStudent) -> None:
    """Characters and ends: 8 + 3, 8 + 2; 9 + 5; 9 + 2, 9 + 4 = 59."""
    data = encode(teacher.texts, DATA, PAIRS)
    assert ModelTeacher(teacher).cost(data, PAIRS) == Cost(teacher_tokens_in=59)


def test_a_teacher_of_other_tokens_is_refused(teacher: LanguageModelStudent) -> None:
    other = untrained_tiny(1)
    other.tokenizer.add_tokens(["ab"])
    with pytest.raises(ConfigError, match=r"has 49 tokens and the student other 48.*tokenizer"):
        read(ModelTeacher(other), teacher)


@pytest.mark.parametrize("k", [0, -1, 1.5])
def test_the_number_of_tokens_told_is_checked(teacher: LanguageModelStudent, k: float) -> None:
    with pytest.raises(ConfigError, match="top_k"):
        ModelTeacher(teacher, top_k=k)  # type: ignore[arg-type]


def test_other_architectures_teach_too(teacher: LanguageModelStudent) -> None:
    model = make_model("gpt2", seed=3)
    other = LanguageModelStudent(StudentPool(model, untrained_tiny(1).texts, max_new_tokens=8))
    for datum in read(ModelTeacher(other, top_k=48), teacher):
        assert datum.teacher is not None
        assert torch.allclose(datum.teacher.logprobs.exp().sum(1), torch.ones(datum.n_rows))


# -- kept on disk ----------------------------------------------------------------------------


@dataclass(frozen=True)
class Counted(ModelTeacher):
    """Counts what it reads and does not remember."""

    counts: list[int] = field(default_factory=list)

    def _read(self, texts: Texts, data: Sequence[Datum], needs: Needs) -> list[Datum]:
        self.counts.append(len(data))
        return super()._read(texts, data, needs)


def told(data: Sequence[Datum]) -> list[bytes]:
    known = [d.teacher for d in data if d.teacher is not None]
    return [of.numpy().tobytes() for t in known for of in (t.ids, t.logprobs, t.rest)]


def test_what_was_told_is_remembered_by_content_to_the_last_bit(
    teacher: LanguageModelStudent, tmp_path: Path
) -> None:
    """Another k, temperature, text or weight of the model is another content."""
    model = Counted(teacher, 5, tmp_path)
    first, second = read(model, teacher), read(model, teacher)
    assert model.counts == [3]
    assert told(first) == told(second) == told(read(ModelTeacher(teacher, 5), teacher))
    read(model, teacher, Needs(teacher=True, rejected=True, temperature=2.0))
    assert model.counts == [3, 3]
    read(model, teacher, Needs(teacher=True))  # Of the second example there is no other text.
    assert model.counts == [3, 3, 2]
    for other in (Counted(teacher, 6, tmp_path), Counted(untrained_tiny(3), 5, tmp_path)):
        read(other, teacher)
        assert other.counts == [3]


def test_equal_words_about_other_pictures_are_another_content(tmp_path: Path) -> None:
    pictures = (("1",), ("2",), ("1", "2"), ("12",))
    data = [Datum((Text((5, 6), (0.0, 1.0), images=images, start=1),)) for images in pictures]
    counts = []

    def read_names(new: Sequence[Datum]) -> list[Datum]:
        """The number in the name of each picture."""
        counts.append(len(new))
        seen = [int("".join(text.images)) for datum in new for text in datum.texts]
        tops = [TopK(torch.tensor([[n]]), torch.zeros(1, 1), torch.zeros(1)) for n in seen]
        return [replace(datum, teacher=top) for datum, top in zip(new, tops, strict=True)]

    for _ in range(2):
        found = remembered(tmp_path, ("names", 1.0), read_names, data)
        assert [int(d.teacher.ids) for d in found if d.teacher] == [1, 2, 12, 12]
        assert counts == [4]


def test_a_disk_that_refuses_costs_time_and_not_the_run(
    teacher: LanguageModelStudent, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").touch()
    model = Counted(teacher, 5, tmp_path / "file" / "memory")
    assert told(read(model, teacher)) == told(read(ModelTeacher(teacher, 5), teacher))
    assert "what the teacher model tells is not kept" in caplog.text


def test_damaged_memories_are_read_anew(teacher: LanguageModelStudent, tmp_path: Path) -> None:
    model = Counted(teacher, 5, tmp_path)
    right = told(read(model, teacher))
    for file, damage in zip(sorted(tmp_path.iterdir()), (b"", b"PK\x03\x04no", b"x"), strict=True):
        file.write_bytes(damage)
    assert told(read(model, teacher)) == right
    assert model.counts == [3, 3]
    assert told(read(model, teacher)) == right
    assert model.counts == [3, 3]


def test_training_that_was_cut_short_ends_as_it_would_have(
    teacher: LanguageModelStudent, tmp_path: Path
) -> None:
    """Killed once everything was read, and started again from the same student and stream."""
    trainer = FineTuner(
        FineTuningSettings(loss="distillation"),
        teacher_model=ModelTeacher(teacher, memory=tmp_path),
    )
    found = []
    for _ in range(2):
        student = untrained_tiny(1)
        result = trainer.train(student, DATA, np.random.default_rng(0))
        found.append((result.loss, result.losses, student.save()))
    assert found[0] == found[1]


def distilled(student: Student) -> FineTuner:
    """A trainer that follows a model with random weights."""
    settings = FineTuningSettings(loss="distillation")
    return FineTuner(settings, teacher_model=ModelTeacher(untrained_tiny(2)))


def test_a_budget_of_tokens_that_a_teacher_model_reads_is_held() -> None:
    """Prompts of 10, targets of 4 and an end are 15 tokens each: 40 pay for two of three."""
    env = teacher_env(
        task_settings={"val_per_cell": 1, "test_per_cell": 1, "train_per_cell": 1},
        budget={"steps": 2, "teacher_tokens_in": 40},
        trainer=distilled,
    )
    env.reset(seed=0)
    *_, info = env.step(tuple(Example(f"copy {w}=", w, "copy") for w in ("cdxy", "fghm", "hkzq")))
    assert [v.reason for v in info["rejected"]] == ["budget"]
    assert env.spent.teacher_tokens_in == 30
