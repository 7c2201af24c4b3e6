"""A configuration is read once: the setup has its tables completed, the parts are made of it."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest

from teachgym.assembly import assemble, check_config
from teachgym.errors import ConfigError
from teachgym.runs.config import RunConfig
from teachgym.runs.retention import Keep

ANSWERS = "teachgym.benchmarks.bench.scripted_teacher:answer"
CHAT = {"provider": "python", "model": ANSWERS}
SMALL = {"student": "simulated", "budget": {"steps": 1}}


def test_a_setup_has_what_the_teacher_needs_of_the_environment_and_of_the_run() -> None:
    config = RunConfig(teacher="llm", chat=CHAT, env_settings=SMALL, keep={"predictions": 3})
    setup = check_config(config)
    assert setup.env == {"action": "plan", "observation": "report", **SMALL}
    assert (setup.student, setup.keep, setup.needs) == ("simulated", Keep(3), {"chat"})
    assert check_config(RunConfig(teacher="llm", teacher_settings={"chat": CHAT})).needs == set()


def test_a_teacher_that_names_engines_takes_no_other_without_settings() -> None:
    own = check_config(RunConfig(teacher="exam-dpo", env_settings=SMALL))
    assert own.env["engine_settings"].keys() == {"engines", "default"}
    other = {**SMALL, "engine": "verified"}
    with pytest.raises(ConfigError, match=r"'exam-dpo' names engines .*\(pool, procedural\)"):
        check_config(RunConfig(teacher="exam-dpo", env_settings=other))
    around = {"engine": "by-order", "engine_settings": own.env["engine_settings"]}
    verified = {**other, "engine_settings": around}
    setup = check_config(RunConfig(teacher="exam-dpo", env_settings=verified))
    assert setup.env["engine_settings"] == around


def test_one_chat_model_is_recorded_for_teacher_and_engine() -> None:
    settings = {**SMALL, "engine": "llm"}
    setup = check_config(RunConfig(teacher="llm", chat=CHAT, env_settings=settings), Path("x"))
    assert setup.chat is not None
    assert setup.env["chat"] == {**CHAT, "store": "x"}
    assert setup.chat.store == "x"
    own = check_config(RunConfig(teacher="llm", chat={**CHAT, "store": "own"}), Path("x"))
    assert own.chat is not None
    assert own.chat.store == "own"


def action(student_settings: Any) -> Any:
    env_settings = {**SMALL, "student_settings": student_settings}
    parts = assemble(check_config(RunConfig(teacher="oracle", env_settings=env_settings)), gym.make)
    with closing(parts.env):
        parts.teacher.reset(0)
        return parts.teacher.act(parts.env.reset(seed=0)[0])


def test_a_limit_of_no_dollars_needs_no_price() -> None:
    def config(dollars: Any) -> RunConfig:
        budget = {"steps": 1, "dollars": dollars}
        chat = {"provider": "openai", "model": "unpriced"}
        return RunConfig(teacher="llm", chat=chat, env_settings={"budget": budget})

    check_config(config(None))
    with pytest.raises(ConfigError, match="the price of unpriced is not known"):
        check_config(config(1.0))


def test_null_for_the_student_settings_stands_for_their_defaults() -> None:
    np.testing.assert_array_equal(action(None), action({}))
    assert not np.array_equal(action({}), action({"base": 1}))


def test_a_plan_is_searched_for_students_only_of_which_it_is_known_how_they_learn() -> None:
    setup = check_config(RunConfig(teacher="planned", env_settings=SMALL))
    assert setup.needs == {"plan"}
    known = {**SMALL, "student": "small"}
    with pytest.raises(ConfigError, match="the dynamics of student 'small' are unknown"):
        assemble(check_config(RunConfig(teacher="planned", env_settings=known)), gym.make)


@pytest.mark.parametrize(
    ("settings", "student", "task"),
    [
        ({"task": "teachgym.testing:ToyTask"}, "simulated", "toy"),
        ({"skills": "opaque"}, "simulated", "opaque"),
        ({"student": "teachgym.students.simulated:simulated_student"}, "simulated_student", ""),
    ],
)
def test_what_a_student_can_learn_is_told_as_far_as_it_is_known(
    settings: dict[str, Any], student: str, task: str
) -> None:
    """It was told of another task's skills, or that there are none: "learnable is ()"."""
    env_settings = {**SMALL, "limit": 8, **settings}
    setup = check_config(RunConfig(teacher="oracle", env_settings=env_settings))
    said = rf"not known what student '.*{student}' can learn of task '.*{task}.*'; .*learnable of"
    with pytest.raises(ConfigError, match=said):
        assemble(setup, gym.make)
