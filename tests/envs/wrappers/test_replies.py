"""Environments that are read and acted in as texts."""

from __future__ import annotations

import json
import pickle
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env, data_equivalence
from hypothesis import given, settings
from hypothesis import strategies as st

from teachgym import experiment
from teachgym.agents import make_teacher
from teachgym.chat.scripted import Scripted
from teachgym.errors import EpisodeError
from teachgym.gate import REASONS
from teachgym.language.forms import form_of
from teachgym.loop import run_episode
from teachgym.runs import RunConfig, RunFolder
from teachgym.runs.journal import Journal
from teachgym.types import Completion, Plan
from tests.runs.dying import Killed, kill_after

IDS = ("OpenEnded", "SkillList", "SkillTree")
SMALL: dict[str, Any] = {
    "student": "simulated",
    "task_settings": {"val_per_cell": 2, "test_per_cell": 1, "train_per_cell": 2},
    "examples_per_step": 40,
    "budget": {"steps": 4, "examples": 120},
    "observation": "text",
    "action": "text",
}
every_id = pytest.mark.parametrize("id_", IDS)


def make(id_: str, **changed: Any) -> Any:
    return gym.make(f"teachgym/{id_}-v0", **{**SMALL, **changed})


def reply_of(env: Any) -> str:
    """A reply that asks for something the environment can do."""
    kind, space = env.spec.id, env.get_wrapper_attr("action_space")
    if "OpenEnded" in kind:
        return str(space.write(env.get_wrapper_attr("task").examples("train")[:3]))
    if "SkillList" in kind:
        return '{"items": [{"skill": "copy", "count": 7, "difficulty": 0.5, "practise": "long"}]}'
    return str(
        json.dumps(
            {
                "items": [
                    {
                        "reasoning": "new",
                        "action": "explore",
                        "skill": "copying",
                        "new_subskills": 2,
                        "examples_for_new": 3,
                    }
                ]
            }
        )
    )


@pytest.mark.sweep(1)
@every_id
def test_check_env_passes_without_a_warning(id_: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", message=".*different from the unwrapped version")
        check_env(make(id_), skip_render_check=True)


@every_id
def test_a_reply_is_carried_out_and_written_down(id_: str) -> None:
    env = make(id_)
    env.reset(seed=0)
    text, _, _, _, info = env.step(reply_of(env))
    assert info["metrics"]["accepted"] >= 3
    (line,) = [line for line in text.splitlines() if line.startswith("  step 1:")]
    taught = {"OpenEnded": "taught 3 copy", "SkillList": "taught 7 copy at 0.5 (long)"}
    assert taught.get(id_, "copying: explored copying, for 2 new subskills") in line
    assert "reward" in line


@pytest.mark.sweep(1)
@every_id
@settings(max_examples=20, deadline=None)
@given(reply=st.text() | st.sampled_from(["", '{"items": []}', "{}"]))
def test_any_text_is_an_action(id_: str, reply: str) -> None:
    env = make(id_)
    env.reset(seed=0)
    _, reward, _, _, info = env.step(reply)
    assert env.action_space.contains(reply)
    if id_ != "SkillTree":
        assert reward == 0
    assert all(verdict.reason in REASONS for verdict in info["rejected"])
    json.dumps(env.action_space.to_jsonable([reply])).encode()


@pytest.mark.parametrize("action", [None, 3, b"x", (), Plan(), np.zeros(2)])
def test_what_is_no_text_counts_as_one_rejected_item(action: Any) -> None:
    env = make("SkillList", disable_env_checker=True)
    env.reset(seed=0)
    *_, info = env.step(action)
    assert [verdict.reason for verdict in info["rejected"]] == ["action"]
    (back,) = env.action_space.from_jsonable(env.action_space.to_jsonable([action]))
    assert env.action_space.to_jsonable([back]) == env.action_space.to_jsonable([action])


def test_what_cannot_be_read_costs_what_a_rejection_costs() -> None:
    """One reply without JSON, and one order of a skill that does not exist: 0.25 each."""
    env = make("SkillList", rejection_penalty=0.25)
    env.reset(seed=0)
    assert env.step("I am not sure.")[1] == -0.25
    assert env.step('{"items": [{"skill": "music", "count": 1}]}')[1] == -0.25


def test_texts_say_what_was_rejected_and_why() -> None:
    env = make("SkillList")
    env.reset(seed=0)
    text, *_ = env.step('{"items": [{"skill": "music", "count": 1}]}')
    assert "rejected 1 (order: unknown skill 'music'" in text


@pytest.mark.sweep(4)
@every_id
@pytest.mark.parametrize("tokens", [100, 700, 4000])
def test_texts_are_bounded_whatever_happens(id_: str, tokens: int) -> None:
    env = make(id_, observation_tokens=tokens)
    text, _ = env.reset(seed=0)
    texts = [text]
    for reply in (reply_of(env), "x" * 10_000, '{"items": [{"skill": "' + "y" * 5000 + '"}]}'):
        texts.append(env.step(reply)[0])
    assert all(len(text) <= 4 * tokens for text in texts)
    assert all(env.observation_space.contains(text) for text in texts)
    marked = [text.endswith("[cut]") for text in texts]
    assert all(marked) if tokens == 100 else not any(marked)


@every_id
def test_a_snapshot_rewinds_the_text_too(id_: str) -> None:
    env = make(id_)
    env.reset(seed=2)
    before, *_ = env.step(reply_of(env))
    snapshot = env.get_wrapper_attr("snapshot")()
    first = env.step("hm")
    env.get_wrapper_attr("restore")(snapshot)
    assert env.get_wrapper_attr("text")() == before
    second = env.step("hm")
    assert data_equivalence(first[:4], second[:4], exact=True)


@every_id
def test_a_pickled_copy_goes_on_as_the_original_does(id_: str) -> None:
    env = make(id_)
    env.reset(seed=2)
    copy = pickle.loads(pickle.dumps(env))
    reply = reply_of(env)
    assert data_equivalence(env.step(reply)[:4], copy.step(reply)[:4], exact=True)


@every_id
def test_rows_equal_single_environments(id_: str) -> None:
    rows = gym.make_vec(f"teachgym/{id_}-v0", 2, "vector_entry_point", **SMALL)
    single = make(id_)
    rows.reset(seed=[3, 4])
    single.reset(seed=4)
    reply = reply_of(single)
    texts, rewards, *_ = rows.step(("hm", reply))
    text, reward, *_ = single.step(reply)
    assert (texts[1], rewards[1]) == (text, reward)


def test_an_episode_can_be_ended_in_the_same_way() -> None:
    env = make("SkillList", stop=True)
    env.reset(seed=0)
    *_, terminated, _, info = env.step({"action": "", "stop": [1]})
    assert terminated
    assert info["stop_reason"] == "teacher"
    assert info["rejected"] == ()


def test_before_reset_there_is_nothing_to_say() -> None:
    with pytest.raises(EpisodeError):
        make("SkillList").unwrapped.state  # noqa: B018


@every_id
def test_a_chat_models_reply_is_the_action(id_: str) -> None:
    asked: list[Any] = []

    def answer(messages: Any, schema: Any, draw: int) -> str:
        asked.append((tuple(messages), schema))
        return "I pass."

    env = make(id_, budget={"steps": 2, "teacher_calls": 5})
    teacher = make_teacher("llm-text", env, chat=Scripted(answer))
    episode = run_episode(env, teacher, seed=0)
    form = form_of(env)
    for (messages, schema), t in zip(asked, episode.transitions, strict=True):
        assert messages == form.prompt_of(t.observation)
        assert schema == form.schema
        assert t.action == "I pass."
        assert t.info["cost"].teacher_calls == 1


@every_id
def test_chat_models_teach_where_they_may_end_the_episode(id_: str) -> None:
    """They never do, so it is the episode without ``stop``."""
    episodes = []
    for stop in (False, True):
        env = make(id_, budget={"steps": 2}, stop=stop)
        teacher = make_teacher("llm-text", env, chat=Scripted(words))
        episodes.append(run_episode(env, teacher, seed=0))
    plain, stoppable = ([(t.action, t.reward) for t in e.transitions] for e in episodes)
    assert plain == stoppable


def test_a_chat_model_that_cannot_be_paid_is_not_asked() -> None:
    env = make("SkillList", budget={"steps": 3, "teacher_calls": 1})
    teacher = make_teacher("llm-text", env, chat=Scripted(words))
    episode = run_episode(env, teacher, seed=0)
    assert episode.length == 1
    assert episode.transitions[0].info["stop_reason"] == "teacher_calls"


def test_a_reply_that_was_cut_off_is_an_incident() -> None:
    class Short(Scripted):
        def complete(self, *asked: Any, **how: Any) -> Completion:
            return replace(super().complete(*asked, **how), cut=True)

    env = make("SkillList", budget={"steps": 1})
    episode = run_episode(env, make_teacher("llm-text", env, chat=Short(words)), seed=0)
    assert [i.event for i in episode.transitions[0].info["incidents"]] == ["cut"]


def words(messages: Any, schema: Any, draw: int) -> str:
    """A reply that depends on what was read and on the draw."""
    counts = {"copy": len(messages[-1]["content"]) % 7, "add": draw % 5 + 1}
    items = [{"skill": skill, "count": count} for skill, count in counts.items()]
    return json.dumps({"items": items})


def test_a_run_that_was_killed_goes_on_with_the_same_texts(tmp_path: Path) -> None:
    """The last steps are part of the snapshot: what is read after them says so."""
    config = RunConfig(
        env="teachgym/SkillList-v0",
        teacher="llm-text",
        env_settings={k: v for k, v in SMALL.items() if k not in ("action", "observation")},
        chat={"provider": "python", "model": f"{__name__}:words"},
        seed=1,
    )
    whole, stopped = tmp_path / "whole", tmp_path / "stopped"
    experiment.run(config, whole)
    with pytest.raises(Killed):
        experiment.run(config, stopped, observers=[kill_after(2)])
    experiment.resume(stopped)
    steps = [Journal(RunFolder(folder).journal).steps for folder in (whole, stopped)]
    assert len(steps[0]) == 4
    assert "step 1:" in steps[0][-1]["observation"][0]
    kept = ("action", "reward", "observation", "metrics")
    first, second = ([[line[key] for key in kept] for line in own] for own in steps)
    assert first == second
