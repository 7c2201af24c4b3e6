"""The same contract for every registered environment, seen in every way, on every student."""

from __future__ import annotations

import pickle
import warnings
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env, data_equivalence

import teachgym
from tests.envs.stacks import CASES, VIEWS

SMALL: dict[str, Any] = {
    "task_settings": {"val_per_cell": 1, "test_per_cell": 1, "train_per_cell": 1},
    "examples_per_step": 40,
    "budget": {"steps": 3, "examples": 120},
}
STUDENTS = ("simulated", "tiny")
TAUGHT = [
    *((id_, view, "simulated") for id_, view in CASES),
    *((id_, views[0], "tiny") for id_, views in VIEWS.items()),
]
"""A view is the same on every student: the language model is seen in one."""


def make(id_: str, view: str, student: str = "simulated", **settings: Any) -> gym.Env[Any, Any]:
    return gym.make(id_, student=student, observation=view, **{**SMALL, **settings})


def test_every_registered_id_is_covered() -> None:
    registered = {i for i in gym.registry if i.startswith("teachgym/")}
    assert registered == set(VIEWS) == set(teachgym.ENV_IDS)


@pytest.mark.sweep(3)
@pytest.mark.parametrize(("id_", "view", "student"), TAUGHT)
def test_check_env_passes_without_a_warning(id_: str, view: str, student: str) -> None:
    """Gymnasium's own checker; its remarks are warnings, and warnings are errors here.

    One remark is excepted: that the environment has wrappers, which it is meant to have.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", message=".*different from the unwrapped version")
        check_env(make(id_, view, student), skip_render_check=student == "tiny")


@pytest.mark.sweep(3)
@pytest.mark.parametrize(("id_", "view", "student"), TAUGHT)
def test_two_copies_with_one_seed_agree_exactly(id_: str, view: str, student: str) -> None:
    first, second = make(id_, view, student), make(id_, view, student)
    first.action_space.seed(3)
    assert data_equivalence(first.reset(seed=7), second.reset(seed=7), exact=True)
    done = False
    while not done:
        action = first.action_space.sample()
        a, b = first.step(action), second.step(action)
        assert data_equivalence(a[:4], b[:4], exact=True)
        assert data_equivalence(a[4]["metrics"], b[4]["metrics"], exact=True) or np.isnan(
            a[4]["metrics"].get("loss", 0)
        )
        assert a[4]["data"] == b[4]["data"]
        done = a[2] or a[3]


@pytest.mark.parametrize(("id_", "view"), CASES)
def test_observations_and_actions_survive_json(id_: str, view: str) -> None:
    env = make(id_, view)
    observation, _ = env.reset(seed=1)
    for space, value in (
        (env.observation_space, observation),
        (env.action_space, env.action_space.sample()),
    ):
        (back,) = space.from_jsonable(space.to_jsonable([value]))
        assert data_equivalence(value, back, exact=True)
        assert value in space


@pytest.mark.sweep(4)
@pytest.mark.parametrize(("id_", "view"), CASES)
def test_the_spec_makes_the_same_environment_again(id_: str, view: str) -> None:
    env = make(id_, view)
    assert env.spec is not None
    again = gym.make(gym.envs.registration.EnvSpec.from_json(env.spec.to_json()))
    assert data_equivalence(env.reset(seed=2), again.reset(seed=2), exact=True)
    action = env.action_space.sample()
    assert data_equivalence(env.step(action)[:4], again.step(action)[:4], exact=True)


@pytest.mark.sweep(2)
@pytest.mark.parametrize(("id_", "view", "student"), TAUGHT)
def test_a_pickled_copy_goes_on_as_the_original_does(id_: str, view: str, student: str) -> None:
    env = make(id_, view, student)
    env.reset(seed=2)
    copy = pickle.loads(pickle.dumps(env))
    action = env.action_space.sample()
    assert data_equivalence(env.step(action)[:4], copy.step(action)[:4], exact=True)


@pytest.mark.parametrize("engine", ["pool", "similar", "targeted-fix"])
def test_engines_that_ask_nobody_are_pickled_with_their_environment(engine: str) -> None:
    few = {"val_per_cell": 1, "test_per_cell": 1, "train_per_cell": 2}
    env = gym.make(
        "teachgym/SkillList-v0",
        student="simulated",
        task_settings=few,
        engine=engine,
        examples_per_step=9,
    )
    env.reset(seed=2)
    copy = pickle.loads(pickle.dumps(env))
    action = np.full(env.action_space.shape, 0.01, np.float32)
    assert data_equivalence(env.step(action)[:4], copy.step(action)[:4], exact=True)


@pytest.mark.sweep(3)
@pytest.mark.parametrize("student", STUDENTS)
@pytest.mark.parametrize("id_", list(VIEWS))
def test_a_snapshot_rewinds_everything(id_: str, student: str) -> None:
    view = VIEWS[id_][0]
    env = make(id_, view, student)
    env.action_space.seed(5)
    env.reset(seed=2)
    env.step(env.action_space.sample())
    snapshot = env.get_wrapper_attr("snapshot")()
    action, other = env.action_space.sample(), env.action_space.sample()
    first = env.step(action)
    spent = env.get_wrapper_attr("spent")
    env.get_wrapper_attr("restore")(snapshot)
    env.step(other)
    env.get_wrapper_attr("restore")(snapshot)
    second = env.step(action)
    assert data_equivalence(first[:4], second[:4], exact=True)
    assert env.get_wrapper_attr("spent").examples == spent.examples


@pytest.mark.parametrize("id_", list(VIEWS))
def test_vector_environments_run_and_declare_their_autoreset(id_: str) -> None:
    envs = gym.make_vec(
        id_,
        num_envs=2,
        vectorization_mode="sync",
        student="simulated",
        observation="flat" if "flat" in VIEWS[id_] else "arrays",
        **SMALL,
    )
    assert isinstance(envs.metadata["autoreset_mode"], gym.vector.AutoresetMode)
    envs.reset(seed=[1, 2])
    for _ in range(5):
        _, rewards, _, _, _ = envs.step(envs.action_space.sample())
        assert rewards.shape == (2,)
    envs.close()


@pytest.mark.parametrize("id_", ["teachgym/SkillList-v0", "teachgym/SkillTree-v0"])
def test_stable_baselines_accepts_the_flat_environments(id_: str) -> None:
    checker = pytest.importorskip("stable_baselines3.common.env_checker")
    checker.check_env(make(id_, "flat"), warn=True)


@pytest.mark.sweep(3)
@pytest.mark.parametrize("mode", ["ansi", "rgb_array"])
@pytest.mark.parametrize("id_", list(VIEWS))
def test_every_environment_can_be_rendered(id_: str, mode: str) -> None:
    env = make(id_, VIEWS[id_][0], render_mode=mode)
    env.reset(seed=0)
    frame: Any = env.render()
    if mode == "ansi":
        assert "learning curve" in frame
    else:
        assert frame.dtype == np.uint8
        assert frame.shape[2] == 3
        assert frame.std() > 0


def test_a_wrong_name_is_answered_with_what_exists() -> None:
    from teachgym.errors import ConfigError, UnknownNameError

    with pytest.raises(ConfigError, match="Did you mean 'arrays'"):
        make("teachgym/SkillList-v0", "array")
    with pytest.raises(UnknownNameError, match="reward"):
        make("teachgym/SkillList-v0", "arrays", reward="gain")
    with pytest.raises(ConfigError, match="Did you mean 'examples'"):
        make("teachgym/SkillList-v0", "arrays", budget={"exampels": 3})
    with pytest.raises(ConfigError, match="forever"):
        make("teachgym/SkillList-v0", "arrays", budget={"examples": 3})
    with pytest.raises(ConfigError, match="unknown training 'fresh'"):
        make("teachgym/SkillList-v0", "arrays", training="fresh")
