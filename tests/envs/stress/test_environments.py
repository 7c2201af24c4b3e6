"""All kinds of stress in all environments: Gymnasium's contract, rows, resuming, specs."""

from __future__ import annotations

import json
import pickle
import warnings
from functools import cache
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env, data_equivalence
from gymnasium.vector import AutoresetMode

from teachgym.envs import batching
from teachgym.experiment import RunConfig, resume, run
from tests.envs.in_full import in_full
from tests.envs.stacks import VIEWS
from tests.runs.dying import Killed, kill_after

KINDS: dict[str, dict[str, Any]] = {
    "unlearnable": {"unlearnable": 0.5},
    "saturated": {"saturated": ["copy", "add"]},
    "grader_noise": {"grader_noise": 0.2},
    "wrong_labels": {"wrong_labels": 0.4},
    "forgetting": {"forgetting": 0.3},
    "rugged": {"rugged": True},
    "delayed_reward": {"delayed_reward": 2},
    "all": {
        "unlearnable": 0.2,
        "saturated": 0.2,
        "grader_noise": 0.1,
        "wrong_labels": 0.2,
        "forgetting": 0.1,
        "rugged": True,
        "delayed_reward": 3,
        "seed": 5,
    },
}
CASES = [("teachgym/SkillList-v0", kind) for kind in KINDS]
CASES += [("teachgym/OpenEnded-v0", "all"), ("teachgym/SkillTree-v0", "all")]
SMALL: dict[str, Any] = {
    "student": "simulated",
    "task_settings": {"val_per_cell": 1, "test_per_cell": 1, "train_per_cell": 1},
    "examples_per_step": 200,
    "budget": {"steps": 3},
}
PLENTY = {**SMALL, "examples_per_step": 800}
"""Enough for every step to teach something."""
TEACHERS = dict(zip(VIEWS, ("pool", "alp", "random-tree"), strict=True))


def make(id_: str, kind: str, **settings: Any) -> gym.Env[Any, Any]:
    return gym.make(id_, **{**SMALL, **settings}, stress=KINDS[kind])


@pytest.mark.sweep(2)
@pytest.mark.parametrize(("id_", "kind"), CASES)
def test_check_env_passes_without_a_warning(id_: str, kind: str) -> None:
    """But for the remark that the environment has wrappers, which it is meant to have."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", message=".*different from the unwrapped version")
        check_env(make(id_, kind), skip_render_check=True)


@pytest.mark.sweep(1)
@pytest.mark.parametrize("id_", list(VIEWS))
def test_the_spec_makes_the_same_stress_again(id_: str) -> None:
    env = make(id_, "all")
    assert env.spec is not None
    again = gym.make(gym.envs.registration.EnvSpec.from_json(env.spec.to_json()))
    env.action_space.seed(1)
    env.reset(seed=3), again.reset(seed=3)
    for _ in range(3):
        action = env.action_space.sample()
        assert data_equivalence(env.step(action)[:4], again.step(action)[:4], exact=True)


def test_stressed_environments_can_be_pickled() -> None:
    env = pickle.loads(pickle.dumps(make("teachgym/SkillTree-v0", "all", observation="flat")))
    env.reset(seed=0)
    assert np.isfinite(env.step(env.action_space.sample())[1])


@pytest.mark.sweep(1)
@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "all"])
def test_every_kind_changes_what_the_teacher_lives_through(kind: str) -> None:
    assert lived(kind) != lived("none")


@cache
def lived(kind: str) -> Any:
    """Three episodes; a single one may happen to have nothing that a kind changes."""
    env = gym.make("teachgym/SkillList-v0", **PLENTY, stress=KINDS.get(kind))
    env.action_space.seed(5)
    steps: list[Any] = []
    for seed in range(3):
        steps.append(env.reset(seed=seed)[0])
        steps += [env.step(env.action_space.sample())[:2] for _ in range(3)]
    return in_full(steps)


def test_stress_names_the_skills_that_the_task_is_seen_through() -> None:
    """Seven root skills; what is taught of one that is unlearnable is paid for and lost."""
    settings = {**SMALL, "skills": "roots", "student_settings": {"noise": 0.0}}
    roots = gym.make("teachgym/SkillList-v0", **settings).get_wrapper_attr("skills")
    assert len(roots) == 7
    env = gym.make("teachgym/SkillList-v0", **settings, stress={"unlearnable": [roots[0]]})
    base: Any = env.unwrapped
    env.reset(seed=0)
    action = np.zeros(env.action_space.shape or (), np.float32)
    action[0] = 1 / action.shape[1]
    reward, info = env.step(action)[1], env.step(action)[4]
    assert reward == 0
    assert {e.skill for e in info["data"]} == {roots[0]}
    assert info["cost"].train_tokens > 0
    assert base.student.save() == base.untrained


# -- rows --------------------------------------------------------------------------------------


def assert_rows_equal_singles(id_: str, n_steps: int, **settings: Any) -> None:
    """Step by step, through the reset of an episode of three steps where ``n_steps`` > 3."""
    rows = gym.make_vec(
        id_, num_envs=2, vectorization_mode="vector_entry_point", **{**SMALL, **settings}
    )
    singles = gym.make_vec(
        id_,
        num_envs=2,
        vectorization_mode="sync",
        vector_kwargs={"autoreset_mode": AutoresetMode.NEXT_STEP},
        **{**SMALL, **settings, "reuse_answers": False},
    )
    singles.action_space.seed(11)
    assert in_full(rows.reset(seed=[7, 8])) == in_full(singles.reset(seed=[7, 8]))
    for _ in range(n_steps):
        actions = singles.action_space.sample()
        got, wanted = rows.step(actions), singles.step(actions)
        assert data_equivalence(got[:4], wanted[:4], exact=True)
        assert in_full(got[4]) == in_full(wanted[4])


@pytest.mark.sweep(1)
@pytest.mark.parametrize(("id_", "kind"), CASES)
def test_rows_under_stress_equal_environments_of_their_own(id_: str, kind: str) -> None:
    assert_rows_equal_singles(id_, 5, stress=KINDS[kind])


@pytest.fixture
def trained_together(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, ...]]:
    """The rows of each joint training run."""
    calls: list[tuple[int, ...]] = []
    train_rows = batching._train_rows

    def spy(rows: Any, requests: Any) -> Any:
        calls.append(tuple(rows))
        return train_rows(rows, requests)

    monkeypatch.setattr(batching, "_train_rows", spy)
    return calls


@pytest.mark.slow
@pytest.mark.parametrize("adaptation", ["full", "lora"])
def test_rows_of_a_language_model_are_still_trained_together(
    trained_together: list[tuple[int, ...]], adaptation: str
) -> None:
    """Bit for bit under all kinds of stress, forgetting after the first step included."""
    assert_rows_equal_singles(
        "teachgym/SkillList-v0",
        2,
        student="tiny",
        student_settings={"adaptation": adaptation},
        examples_per_step=8,
        stress=KINDS["all"],
    )
    assert trained_together == [(0, 1), (0, 1)]


@pytest.mark.slow
def test_a_row_in_which_nothing_can_be_learned_is_not_trained(
    trained_together: list[tuple[int, ...]],
) -> None:
    rows = gym.make_vec(
        "teachgym/SkillList-v0",
        num_envs=2,
        vectorization_mode="vector_entry_point",
        **{**SMALL, "student": "tiny", "examples_per_step": 8},
        stress={"unlearnable": ["copy"]},
    )
    skills = list(rows.get_attr("skills")[0])  # type: ignore[attr-defined]
    actions = np.zeros(rows.action_space.shape or (), np.float32)
    actions[0, skills.index("copy"), 0] = actions[1, skills.index("rev"), 0] = 1
    rows.reset(seed=0)
    rewards = rows.step(actions)[1]
    assert trained_together == [(1,)]
    assert rewards[0] == 0


# -- resuming ----------------------------------------------------------------------------------


def steps_of(folder: Path) -> list[Any]:
    """What the journal says of the steps and the exam, without the run's id and all digests."""
    lines = [json.loads(line) for line in (folder / "journal.jsonl").read_text().splitlines()]
    vary = ("run", "files", "previous", "digest")
    return [
        {key: value for key, value in line.items() if key not in vary}
        for line in lines
        if line["stage"] in ("started", "step", "exam")
    ]


@pytest.mark.sweep(1)
@pytest.mark.parametrize(("id_", "kind"), CASES)
def test_a_stressed_run_that_was_stopped_ends_like_one_that_was_not(
    tmp_path: Path, id_: str, kind: str
) -> None:
    settings = {**SMALL, "stress": KINDS[kind]}
    config = RunConfig(env=id_, teacher=TEACHERS[id_], env_settings=settings, seed=3)
    whole = run(config, tmp_path / "whole")
    with pytest.raises(Killed):
        run(config, tmp_path / "stopped", observers=[kill_after(1)])
    again = resume(tmp_path / "stopped")
    assert in_full(steps_of(tmp_path / "stopped")) == in_full(steps_of(tmp_path / "whole"))
    assert (again.curve, again.test, again.return_) == (whole.curve, whole.test, whole.return_)
    for name in ("examples.jsonl", "rejected.jsonl"):
        assert (tmp_path / "stopped" / name).read_bytes() == (
            tmp_path / "whole" / name
        ).read_bytes()


@pytest.mark.sweep(1)
@pytest.mark.parametrize(
    "stress", [{"unlearnable": 0.5}, {"saturated": 0.5}, KINDS["grader_noise"], KINDS["rugged"]]
)
def test_the_seed_of_a_stress_reaches_the_environment(stress: dict[str, Any]) -> None:
    """The same orders with the same seed end alike, with other seeds of the stress otherwise."""

    def outcome(seed: int) -> tuple[object, list[float]]:
        env = gym.make("teachgym/SkillList-v0", **SMALL, stress={**stress, "seed": seed})
        env.reset(seed=1)
        env.action_space.seed(1)
        env.step(env.action_space.sample())
        base: Any = env.unwrapped
        return base.student.save(), base.state.report.scores.tolist()

    outcomes = [outcome(seed) for seed in (0, 0, 1, 2, 3)]
    assert outcomes[0] == outcomes[1]
    assert any(other != outcomes[0] for other in outcomes[2:])
