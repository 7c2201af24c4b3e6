"""Samples that a teacher model puts right: where, with what, and what comes after."""

from __future__ import annotations

import pytest
import torch

from teachgym.students.local.sampling import Asked, sample_tokens
from teachgym.students.local.student import LanguageModelStudent
from teachgym.training.losses import TopK
from teachgym.training.revision import Reviser, corrected
from teachgym.training.teacher_models import ModelTeacher
from teachgym.types import Prompt
from tests.students import models
from tests.students.models import untrained_tiny
from tests.training.test_on_policy import make_pool, student_of

K = 3


def test_the_error_is_where_the_student_is_surest_beyond_the_teacher_model() -> None:
    """Differences of 1, 3 and 2, but at the second place the teacher model says the same.

    So the third token becomes 9. Of tokens that are not told, the rest is the bound.
    """
    own = torch.tensor([-1.0, -1.0, -1.0])
    told = TopK(
        torch.tensor([[4, 8], [5, 8], [9, 6]]),
        torch.tensor([[-2.0, -0.2], [-4.0, -5.0], [-0.1, -3.0]]),
        torch.tensor([-9.0, -9.0, -9.0]),
    )
    assert corrected((4, 5, 6), own, told) == (4, 5, 9)
    assert corrected((4, 5, 7), own, told) == (4, 5, 9)
    assert corrected((7, 5, 6), own, told) == (8,)
    assert corrected((4, 5, 6), own - 9, told) is None


def test_a_teacher_model_that_is_the_student_changes_nothing() -> None:
    pool, asked = make_pool(), questions()
    drawn = sample_tokens(pool, asked, k=K, temperature=1.0)
    model = ModelTeacher(student_of(make_pool()), 1000)
    revised, sampled, _ = Reviser(pool, model, 1.0).revise(asked, drawn)
    assert revised == drawn
    assert sampled == [[]]


def questions() -> list[list[Asked]]:
    texts = make_pool().texts
    ids = texts.prompts([Prompt(f"copy {word}=") for word in ("ab", "abc", "xy")], room=8)
    return [[Asked(tuple(own), 5, f"0 {place}") for place, own in enumerate(ids)]]


def test_revised_samples_are_those_of_plain_computation_and_are_paid() -> None:
    """The same place and token by logits of whole texts; then what the student says after them."""
    pool, other, asked = make_pool(), untrained_tiny(2), questions()
    drawn = sample_tokens(pool, asked, k=K, temperature=1.0)
    model = ModelTeacher(student_of(make_pool(seed=2)), 1000)
    revised, sampled, (cost,) = Reviser(pool, model, 1.0).revise(asked, drawn)
    changed, read = 0, 0
    for question, before, after in zip(asked[0], drawn[0], revised[0], strict=True):
        for number, (ids, found) in enumerate(zip(before, after, strict=True)):
            whole = torch.tensor([[*question.ids, *ids]])
            rows = slice(len(question.ids) - 1, whole.shape[1] - 1)
            read += whole.shape[1]
            p, q = (
                m(whole).logits[0, rows, :48].log_softmax(-1)
                for m in (pool.network.model, other.model)
            )
            labels, best = torch.tensor(ids), q.argmax(-1)
            apart = (p - q).gather(1, labels[:, None])[:, 0].masked_fill(best == labels, -torch.inf)
            place = int(apart.argmax())
            if apart[place] <= 1e-3:
                assert found == ids
                continue
            changed += 1
            prefix = [*ids[:place], int(best[place])]
            assert found[: place + 1] == prefix
            rest = list[int]()
            if prefix[-1] not in pool.texts.ends and len(prefix) < 8:
                name = f"{question.name} revised {number}"
                going = [[Asked((*question.ids, *prefix), 5, name)]]
                [[[rest]]] = sample_tokens(pool, going, k=1, temperature=1.0)
            assert found == [*prefix, *rest][:8]
    assert changed > 4
    assert (cost.teacher_tokens_in, cost.train_tokens) == (read, read)
    assert sum(sampled[0]) > 0


@pytest.mark.parametrize("stop", [("v", "="), ("cvm", "y4", "=v")])
def test_a_revised_answer_ends_with_the_token_that_completes_a_stop_string(
    stop: tuple[str, ...],
) -> None:
    """Whether it is the correction, or the string begins before it and ends after it."""
    pool, asked = make_pool(), questions()
    drawn = sample_tokens(pool, asked, k=12, temperature=1.0, stop=stop)
    model = ModelTeacher(student_of(make_pool(seed=2)), 1000)
    revised, *_ = Reviser(pool, model, 1.0, stop).revise(asked, drawn)
    ended = 0
    for ids in (ids for own in revised[0] for ids in own):
        *_, before, whole = ("", *(pool.texts.decode(ids[: n + 1]) for n in range(len(ids))))
        assert not any(s in before for s in stop)
        ended += any(s in whole for s in stop)
    assert ended > 1


def test_what_comes_after_a_correction_has_room_in_the_context() -> None:
    """A model that knows 64 positions, of which the prompt takes all but the answer's."""
    pool, other = (models.make_pool(architecture="gpt2", seed=seed) for seed in (0, 3))
    ids = pool.texts.prompts([Prompt("a" * 200)], room=12)
    asked = [[Asked(tuple(ids[0]), 5, "0")]]
    drawn = sample_tokens(pool, asked, k=6, temperature=1.0)
    model = ModelTeacher(LanguageModelStudent(other), 1000)
    revised, sampled, _ = Reviser(pool, model, 1.0).revise(asked, drawn)
    for before, after in zip(drawn[0][0], revised[0][0], strict=True):
        assert len(after) == 12 or after[-1] == pool.texts.end or after == before
    assert max(map(len, revised[0][0])) == 12
    assert max(sampled[0]) < 12
