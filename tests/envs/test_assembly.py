"""What an environment is made of is looked over before the first step."""

from __future__ import annotations

import warnings

import pytest

from teachgym.envs.assembly import teacher_env
from teachgym.tasks import make_task

ITEMS = {"val_per_cell": 1, "test_per_cell": 1, "train_per_cell": 1}


def test_a_student_that_may_not_write_enough_is_warned_of() -> None:
    """The tokens of ``tiny`` are characters and the end, and it may write five of them."""
    longest = max(
        len(e.target) for e in make_task("arithmetic-and-strings", **ITEMS).examples("val")
    )
    settings = {"student": "tiny", "student_settings": {"max_new_tokens": 5}}
    with pytest.warns(UserWarning, match=f"max_new_tokens is 5, .* to {longest + 1} or more"):
        teacher_env(task_settings=ITEMS, **settings)


@pytest.mark.parametrize("student", ["tiny", "simulated"])
def test_a_student_that_may_write_enough_is_not(student: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        teacher_env(task_settings=ITEMS, student=student)
