"""K rows that step together: equal to K environments, trained and asked at once."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.utils.env_checker import data_equivalence
from gymnasium.vector import AutoresetMode, SyncVectorEnv, VectorEnv

import teachgym
from teachgym.agents import make_teacher
from teachgym.envs.vector import TeacherVectorEnv
from teachgym.errors import ActionError, ConfigError, EpisodeError
from teachgym.loop import run_episode, run_episodes
from teachgym.rendezvous import RowError
from teachgym.students import make_student
from teachgym.students.simulated import SimulatedStudent
from teachgym.training.simulated import SimulatedTrainer
from teachgym.types import Data, Plan, Prompt, TrainResult
from tests.envs.in_full import in_full
from tests.envs.stacks import CASES, VIEWS

K = 3
SMALL: dict[str, Any] = {
    "task_settings": {"val_per_cell": 1, "test_per_cell": 1, "train_per_cell": 1},
    "examples_per_step": 24,
    "budget": {"steps": 2, "examples": 60},
}
SECOND_TRY = {"task": "second-try", "task_settings": {"task_settings": SMALL["task_settings"]}}
"""Conversations, of which some rows have longer ones than others."""


def make_rows(id_: str, view: str = "arrays", count: int = K, **settings: Any) -> Any:
    settings = {"student": "simulated", "observation": view, **SMALL, **settings}
    return gym.make_vec(id_, num_envs=count, vectorization_mode="vector_entry_point", **settings)


def make_sync(id_: str, view: str, mode: str, **settings: Any) -> VectorEnv[Any, Any, Any]:
    """What Gymnasium makes of K single environments."""
    settings = {"student": "simulated", "observation": view, **SMALL, **settings}
    return gym.make_vec(
        id_,
        num_envs=K,
        vectorization_mode="sync",
        vector_kwargs={"autoreset_mode": AutoresetMode(mode)},
        **settings,
    )


def make_one(id_: str, view: str = "arrays", **settings: Any) -> gym.Env[Any, Any]:
    return gym.make(id_, **{"student": "simulated", "observation": view, **SMALL, **settings})


def assert_same_steps(rows: Any, singles: Any, n_steps: int) -> None:
    singles.action_space.seed(11)
    assert rows.action_space == singles.action_space
    assert rows.observation_space == singles.observation_space
    seeds = [7, 8, 9]
    assert in_full(rows.reset(seed=seeds)) == in_full(singles.reset(seed=seeds))
    for _ in range(n_steps):
        actions = singles.action_space.sample()
        got, wanted = rows.step(actions), singles.step(actions)
        assert data_equivalence(got[:4], wanted[:4], exact=True)
        assert in_full(got[4]) == in_full(wanted[4])


@pytest.mark.sweep(3)
@pytest.mark.parametrize("mode", ["NextStep", "SameStep"])
@pytest.mark.parametrize(("id_", "view"), CASES)
def test_rows_equal_environments_of_their_own_step_by_step(id_: str, view: str, mode: str) -> None:
    """Five steps of episodes of two: every row is reset at least once on the way."""
    rows = make_rows(id_, view, autoreset_mode=mode)
    assert isinstance(rows, TeacherVectorEnv)
    assert rows.metadata["autoreset_mode"] == AutoresetMode(mode)
    assert_same_steps(rows, make_sync(id_, view, mode), 5)


@pytest.mark.sweep(1)
@pytest.mark.parametrize(
    ("id_", "settings"),
    [
        ("teachgym/OpenEnded-v0", {}),
        ("teachgym/SkillList-v0", {"student_settings": {"adaptation": "lora"}}),
        ("teachgym/SkillTree-v0", {"training": "scratch"}),
        ("teachgym/OpenEnded-v0", SECOND_TRY),
    ],
)
def test_rows_of_the_tiny_student_equal_environments_of_their_own(
    id_: str, settings: dict[str, Any]
) -> None:
    """Bit for bit: the rows share a model and remember answers, the singles do neither."""
    settings = {"student": "tiny", "examples_per_step": 8, **settings}
    rows = make_rows(id_, **settings)
    singles = make_sync(id_, "arrays", "NextStep", reuse_answers=False, **settings)
    assert_same_steps(rows, singles, 2)


def test_make_vec_shares_a_model_unless_told_otherwise() -> None:
    envs = gym.make_vec("teachgym/SkillList-v0", num_envs=2, student="simulated", **SMALL)
    assert isinstance(envs, TeacherVectorEnv)
    assert isinstance(envs, SyncVectorEnv)


def test_a_row_carries_the_spec_of_the_single_environment() -> None:
    row = make_rows("teachgym/SkillTree-v0", "flat").envs[1]
    single = make_one("teachgym/SkillTree-v0", "flat")
    assert row.spec.to_json() == single.spec.to_json()  # type: ignore[union-attr]


def test_at_least_one_row_is_made() -> None:
    with pytest.raises(ConfigError, match="num_envs is 0"):
        make_rows("teachgym/SkillList-v0", count=0)
    with pytest.raises(ConfigError, match="num_envs is 0"):
        gym.make_vec("teachgym/SkillList-v0", 0, student="simulated", texts=False)


# -- joint calls -------------------------------------------------------------------------------


class PooledStudent(SimulatedStudent):
    """A simulated student that can be asked with others, and whose answers can be remembered."""

    batchable = True
    asked: list[int]

    def fingerprint(self) -> str:
        return hashlib.sha256(self.competence.tobytes()).hexdigest()

    def generate_together(
        self,
        students: Sequence[Any],
        prompts: Sequence[Sequence[Prompt]],
        *,
        stop: Sequence[str] = (),
    ) -> list[list[str]]:
        self.asked.append(len(students))
        return super().generate_together(students, prompts, stop=stop)


class JointTrainer(SimulatedTrainer):
    """Keeps the number of examples of each student that it trains at once."""

    batchable = True

    def __init__(self) -> None:
        self.calls: list[list[int]] = []

    def train_together(
        self, students: Sequence[Any], data: Sequence[Data], rngs: Sequence[Any]
    ) -> list[TrainResult]:
        self.calls.append([len(d) for d in data])
        return super().train_together(students, data, rngs)


@pytest.fixture
def joint(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Environments of pooled students; ``trained`` and ``asked`` list the joint calls."""
    trainer = JointTrainer()
    asked: list[int] = []

    def pooled(name: str, task: Any, count: int, **settings: Any) -> tuple[Any, ...]:
        profile: Any = make_student("simulated", task)
        students = tuple(PooledStudent(profile.profile, task) for _ in range(count))
        for student in students:
            student.asked = asked
        return students

    monkeypatch.setattr("teachgym.envs.assembly.make_students", pooled)
    monkeypatch.setattr("teachgym.envs.assembly.make_trainer", lambda *given, **settings: trainer)

    class Joint:
        trained, asks = trainer.calls, asked

    return Joint


def test_rows_are_trained_at_once_and_asked_at_once(joint: Any) -> None:
    """One joint call per step for each; the first report of all is asked once, and directly."""
    rows = make_rows("teachgym/SkillList-v0")
    rows.action_space.seed(0)
    rows.reset(seed=1)
    assert (joint.trained, joint.asks) == ([], [])
    for step in (1, 2):
        rows.step(rows.action_space.sample())
        assert [len(call) for call in joint.trained] == [K] * step
        assert joint.asks == [K] * step


def test_joint_rows_equal_environments_of_their_own(joint: Any) -> None:
    rows = make_rows("teachgym/SkillList-v0", reuse_answers=False)
    assert_same_steps(rows, make_sync("teachgym/SkillList-v0", "arrays", "NextStep"), 5)


def test_a_row_without_data_neither_trains_nor_asks(joint: Any) -> None:
    rows = make_rows("teachgym/SkillList-v0")
    rows.reset(seed=1)
    actions = np.zeros(rows.action_space.shape, np.float32)
    actions[0, 0, 0] = actions[2, 1, 0] = 0.5
    _, rewards, _, _, _ = rows.step(actions)
    assert joint.trained == [[12, 12]]
    assert joint.asks == [2]
    assert rewards[1] == 0


def test_remembered_answers_are_not_asked_for_again(joint: Any) -> None:
    """The same seeds and actions again, in new environments: trained anew, asked nothing."""
    outcomes = []
    for _ in range(2):
        rows = make_rows("teachgym/SkillList-v0")
        rows.action_space.seed(0)
        rows.reset(seed=1)
        outcomes.append(in_full(rows.step(rows.action_space.sample())))
    assert outcomes[0] == outcomes[1]
    assert len(joint.trained) == 2
    assert joint.asks == [K]


def test_remembering_can_be_turned_off(joint: Any) -> None:
    for _ in range(2):
        rows = make_rows("teachgym/SkillList-v0", reuse_answers=False)
        rows.action_space.seed(0)
        rows.reset(seed=1)
        rows.step(rows.action_space.sample())
    assert joint.asks == [K, K]


# -- errors ------------------------------------------------------------------------------------


def test_an_error_in_a_row_names_it_and_the_others_make_their_step() -> None:
    rows = make_rows("teachgym/SkillList-v0")
    rows.reset(seed=1)
    student = rows.envs[1].unwrapped.student
    student.learn = None  # What the trainer calls.
    actions = np.full(rows.action_space.shape, 0.01, np.float32)
    with pytest.raises(RowError, match=r"1 of 3 rows failed; row 1: TypeError"):
        rows.step(actions)
    assert [env.unwrapped.state.step for env in rows.envs] == [1, 0, 1]
    del student.learn
    rows.reset(seed=1)
    assert rows.step(actions)[1].shape == (K,)


def test_words_beside_numbers_come_in_a_dictionary() -> None:
    """Of the keys of the space; no row has made a step otherwise."""
    rows = make_rows("teachgym/SkillList-v0", action="plan", stop=True)
    rows.reset(seed=1)
    with pytest.raises(ActionError, match=r"a dictionary with the keys action, stop, .* 3 entries"):
        rows.step((Plan(),) * K)
    plans, stop = (Plan(),) * K, np.zeros((K, 1), np.int8)
    for wrong in ({"stop": stop}, {"action": plans, "end": stop}):
        with pytest.raises(ActionError, match="a dictionary with the keys action, stop"):
            rows.step(wrong)
    with pytest.raises(ActionError, match="give a tuple of 3, one per row"):
        rows.step({"action": plans[1:], "stop": stop})
    for bad in (stop[1:], [0, 0, 0], [[0], [0], [2]]):
        with pytest.raises(ActionError, match=r"actions\['stop'\]"):
            rows.step({"action": plans, "stop": bad})
    assert [env.unwrapped.state.step for env in rows.envs] == [0, 0, 0]
    rows.step({"action": plans, "stop": stop})
    rows.step({"action": list(plans)})
    assert [env.unwrapped.state.step for env in rows.envs] == [2, 2, 2]
    with pytest.raises(ActionError, match="actions are 'abc'"):
        make_rows("teachgym/SkillList-v0", action="text").step("abc")


def test_stepping_after_the_end_is_an_error_where_nothing_resets() -> None:
    rows = make_rows("teachgym/SkillList-v0", autoreset_mode="Disabled", budget={"steps": 1})
    rows.reset(seed=1)
    actions = np.zeros(rows.action_space.shape, np.float32)
    rows.step(actions)
    with pytest.raises(RowError) as caught:
        rows.step(actions)
    assert isinstance(caught.value.__cause__, EpisodeError)


# -- forks -------------------------------------------------------------------------------------


@pytest.mark.parametrize("id_", list(VIEWS))
def test_a_fork_tries_actions_on_the_same_student(id_: str) -> None:
    """A snapshot of a single environment, in every row, gives what the single one would."""
    single, rows = make_one(id_, budget={"steps": 3}), make_rows(id_, budget={"steps": 3})
    single.action_space.seed(3)
    single.reset(seed=5)
    single.step(single.action_space.sample())
    snapshot = single.get_wrapper_attr("snapshot")()
    rows.reset(seed=9)
    rows.fork(snapshot)
    candidates = [single.action_space.sample() for _ in range(K)]
    results = rows.step_rows(dict(enumerate(candidates)))
    for row, candidate in enumerate(candidates):
        single.get_wrapper_attr("restore")(snapshot)
        assert in_full(results[row]) == in_full(single.step(candidate))


def test_rows_that_have_ended_go_on_after_a_fork() -> None:
    rows = make_rows("teachgym/SkillList-v0")
    rows.reset(seed=5)
    start = rows.call("snapshot")[0]
    actions = np.full(rows.action_space.shape, 0.01, np.float32)
    first = rows.step(actions)
    assert rows.step(actions)[2].all()
    rows.fork(start)
    again = rows.step(actions)
    assert again[1].tolist() == [first[1][0]] * K


# -- episodes ----------------------------------------------------------------------------------


def pairs(env: Any) -> tuple[list[Any], list[int]]:
    names = ["uniform", "alp", "weakest", "uniform"]
    return [make_teacher(name, env) for name in names], [1, 1, 2, 3]


def test_episodes_at_once_equal_episodes_one_by_one() -> None:
    rows, single = make_rows("teachgym/SkillList-v0", count=5), make_one("teachgym/SkillList-v0")
    episodes = run_episodes(rows, *pairs(single))
    wanted = [
        run_episode(single, teacher, seed=seed)
        for teacher, seed in zip(*pairs(single), strict=True)
    ]
    assert in_full(episodes) == in_full(wanted)
    assert [e.teacher for e in episodes] == [e.teacher for e in wanted]


def test_rows_that_end_early_sit_still() -> None:
    """A budget of 30 examples ends a row that orders 24 per step at its second step."""

    class Greedy:
        name = "greedy"

        def __init__(self, share: float, shape: tuple[int, ...]) -> None:
            self.action = np.full(shape, share / np.prod(shape), np.float32)

        def reset(self, seed: int) -> None: ...

        def act(self, observation: Any) -> Any:
            return self.action

        def observe(self, transition: Any) -> None: ...

    budget = {"steps": 5, "examples": 30}
    rows = make_rows("teachgym/SkillList-v0", budget=budget)
    shape = rows.single_action_space.shape
    teachers = [Greedy(share, shape) for share in (1.0, 0.0, 0.25)]
    episodes = run_episodes(rows, teachers, [0, 0, 0])
    assert [e.length for e in episodes] == [2, 5, 5]
    assert rows.envs[0].unwrapped.state.step == 2
    for teacher, episode in zip(teachers, episodes, strict=True):
        single = make_one("teachgym/SkillList-v0", budget=budget)
        assert in_full(run_episode(single, teacher, seed=0)) == in_full(episode)


WRONG: dict[str, Callable[[list[Any]], tuple[list[Any], list[int]]]] = {
    "seeds": lambda t: (t, [1, 2]),
    "rows": lambda t: ([*t, *t], [1] * 6),
    "twice": lambda t: ([t[0], t[0]], [1, 2]),
}


@pytest.mark.parametrize("match", list(WRONG))
def test_numbers_that_do_not_fit_are_refused(match: str) -> None:
    rows = make_rows("teachgym/SkillList-v0")
    teachers = [make_teacher("uniform", rows.envs[0]) for _ in range(K)]
    with pytest.raises(ConfigError, match=match):
        run_episodes(rows, *WRONG[match](teachers))


def test_every_registered_id_has_a_vector_entry_point() -> None:
    for id_ in teachgym.ENV_IDS:
        assert str(gym.spec(id_).vector_entry_point).startswith("teachgym.envs.vector:")
