"""``trained``: prompts and answers derived by hand, and what models and names are refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from teachgym.agents.llm.shares import SharesForm, SharesSettings
from teachgym.agents.llm.speaker import Speaker, form_settings, load_model, save_teacher
from teachgym.errors import ConfigError
from tests.agents.worlds import list_observation

FORM = SharesForm(("add", "rev", "up"), SharesSettings(items=4, most=2))


def seen(*accuracies: list[float], n: int = 10) -> Any:
    counts = [[0 if a < 0 else n for a in row] for row in accuracies]
    return list_observation([[max(a, 0) for a in row] for row in accuracies], counts)


def test_a_prompt_has_a_digit_and_a_sign_for_each_skill() -> None:
    """0.35 to 0.55 over two levels is 3 to 5, up; 0.98 is 9, and 0.005 less is no change."""
    before = seen([0.3, 0.4], [0.985, 0.985], [-1, -1])
    now = seen([0.5, 0.6], [0.98, 0.98], [-1, -1])
    now["budget_left"] = np.array([0.75, 1.0])
    assert FORM.prompt(now, before) == "left 7\nadd:5+\nrev:9=\nup:?\nteach "
    assert FORM.prompt(now, None).splitlines()[1] == "add:5="
    told = SharesForm(FORM.skills, SharesSettings(instruction="Say what to teach."))
    assert told.prompt(now, before).startswith("Say what to teach.\nleft 7\n")


def test_an_answer_is_read_as_weights() -> None:
    assert FORM.read("rev:2, add:1, rev:1").tolist() == [1, 3, 0]


def test_the_grammar_ends_after_any_item_and_at_the_latest_after_all() -> None:
    grammar = FORM.grammar
    assert len(grammar) == 3 * 4
    assert grammar["after 0"] == {", ": "name 1", "": ""}
    assert grammar["after 3"] == {"": ""}
    assert list(grammar["share 0"]) == ["1", "2"]


def test_answers_stand_for_shares_in_the_mean() -> None:
    """Four units by 3 to 1; a skill has two at most, so the larger one is cut in a few."""
    form, rng = SharesForm(FORM.skills, SharesSettings(items=8, most=8)), np.random.default_rng(0)
    shares = np.array([0.75, 0.0, 0.25])
    weights = [form.read("".join(form.pieces(shares, rng))) for _ in range(2000)]
    np.testing.assert_allclose(np.mean(weights, axis=0), 8 * shares, atol=0.1)
    assert "".join(FORM.pieces(np.array([1.0, 0, 0]), rng)) == "add:2"


def test_the_rest_of_a_step_goes_to_all_skills_alike() -> None:
    """Half of a step: an eighth and three eighths are named, and each gets a sixth besides."""
    form = SharesForm(FORM.skills, SharesSettings(items=8, most=8, rest=0.5))
    weights = form.read("rev:3, add:1")
    np.testing.assert_allclose(weights / weights.sum(), [1 / 8 + 1 / 6, 3 / 8 + 1 / 6, 1 / 6])


def test_answers_stand_for_what_is_above_the_rest() -> None:
    """What is at least its part of the rest comes out as it was, in the mean."""
    form = SharesForm(FORM.skills, SharesSettings(items=8, most=8, rest=0.5))
    shares, rng = np.array([0.6, 0.2, 0.2]), np.random.default_rng(0)
    weights = [form.read("".join(form.pieces(shares, rng))) for _ in range(2000)]
    mean = np.mean([own / own.sum() for own in weights], axis=0)
    np.testing.assert_allclose(mean, shares, atol=0.01)
    assert form.pieces(np.ones(3), rng)  # Nothing is above it: any names will do.


def test_a_name_with_a_colon_is_refused() -> None:
    with pytest.raises(ConfigError, match="skill 'a:b' has a colon"):
        SharesForm(("a:b",), SharesSettings())


def test_too_long_answers_and_too_many_skills_are_refused() -> None:
    pool = load_model("small", max_new_tokens=12).pool
    with pytest.raises(ConfigError, match="lower items"):
        Speaker(pool, FORM)
    pool = load_model("small").pool
    speaker = Speaker(pool, SharesForm(tuple(f"skill{n:03}" for n in range(90)), FORM.settings))
    with pytest.raises(ConfigError, match="the model's context of 512"):
        speaker.encode([speaker.form.prompt(seen(*[[0.5]] * 90), None)])


def test_a_folder_remembers_its_form(tmp_path: Path) -> None:
    model = load_model("small")
    save_teacher(model, FORM.settings, tmp_path / "teacher")
    assert form_settings(str(tmp_path / "teacher")) == FORM.settings
    assert form_settings("small") == SharesSettings()
    again = load_model(str(tmp_path / "teacher"))
    for name, values in model.save().arrays.items():
        np.testing.assert_array_equal(again.save().arrays[name], values)
