"""What numeric teachers do, in the words a language model is to learn."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import pytest

from teachgym.agents import make_teacher
from teachgym.bridges.imitation import episode_in_words
from teachgym.language.forms import form_of
from teachgym.loop import run_episode

SMALL: dict[str, Any] = {
    "student": "simulated",
    "task_settings": {"val_per_cell": 2, "test_per_cell": 1, "train_per_cell": 1},
    "examples_per_step": 60,
    "budget": {"steps": 4},
}


@pytest.mark.sweep(1)
@pytest.mark.parametrize("teacher", ["alp", "ucb1", "dirichlet"])
def test_an_episode_in_words_is_the_episode_in_numbers(teacher: str) -> None:
    """Replies are read as the plans that the numbers stood for, so the rewards are equal."""
    rows = episode_in_words(teacher, 5, **SMALL)
    env = gym.make("teachgym/SkillList-v0", **SMALL)
    episode = run_episode(env, make_teacher(teacher, env), seed=5)
    assert [row["reward"] for row in rows] == [t.reward for t in episode.transitions]
    assert rows[0]["return"] == pytest.approx(episode.return_)
    words = gym.make("teachgym/SkillList-v0", **SMALL, observation="text", action="text")
    form = form_of(words)
    for row, t in zip(rows, episode.transitions, strict=True):
        system, user, reply = row["messages"]
        assert system["role"] == "system"
        assert user["content"].startswith(f"step {row['step'] - 1}")
        assert form.parse(reply["content"]).action == t.info["plan"]


def test_settings_reach_the_teacher() -> None:
    rows = episode_in_words("weakest", 0, teacher_settings={"top": 1}, **SMALL)
    assert all(row["messages"][-1]["content"].count('"skill"') <= 3 for row in rows)
