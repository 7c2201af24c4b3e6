"""Actions tried from one student: equal to environments of their own, with their noise known."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.utils.env_checker import data_equivalence

from teachgym.envs.base import base_of
from teachgym.envs.forks import Forks
from teachgym.errors import ConfigError, EpisodeError
from teachgym.types import Order, Plan
from tests.envs.in_full import in_full

SMALL: dict[str, Any] = {
    "task_settings": {"val_per_cell": 2, "test_per_cell": 1, "train_per_cell": 3},
    "examples_per_step": 40,
    "budget": {"steps": 3, "examples": 500},
    "action": "plan",
}
SKILLS = ("add", "first", "rev", "down", "copy")
ACTIONS = [Plan((Order(skill, 40),)) for skill in SKILLS]


def make(size: int = 2, student: str = "simulated", **settings: Any) -> Forks:
    return Forks("SkillList", size, **{"student": student, **SMALL, **settings})


@pytest.mark.sweep(1)
@pytest.mark.parametrize("student", ["simulated", "tiny"])
def test_a_branch_is_to_the_bit_what_environments_of_their_own_give(student: str) -> None:
    """Five actions, two at a time, after a first step; and where an episode goes on from one."""
    forks, number = make(student=student), 3 if student == "tiny" else 5
    single = gym.make("teachgym/SkillList-v0", student=student, **SMALL)
    first = forks.branch(forks.start(7), [ACTIONS[0]])
    branch = forks.branch(first.ids[0], ACTIONS[:number])
    single.reset(seed=7)
    single.step(ACTIONS[0])
    start = single.get_wrapper_attr("snapshot")()
    for i, action in enumerate(ACTIONS[:number]):
        single.get_wrapper_attr("restore")(start)
        alone = single.step(action)
        assert data_equivalence(branch.results[i][:4], alone[:4], exact=True)
        assert in_full(branch.results[i][4]) == in_full(alone[4])
        assert branch.rewards[i] == alone[1]
        assert forks.snapshot(branch.ids[i]).checkpoint == base_of(single).student.save()
    onward = forks.branch(branch.ids[number - 1], [ACTIONS[1]])
    assert onward.rewards[0] == single.step(ACTIONS[1])[1]


def test_equal_actions_get_equal_examples_and_rewards_and_so_no_advantage() -> None:
    forks = make(3)
    branch = forks.branch(forks.start(0), [ACTIONS[1]] * 3)
    assert len(set(branch.rewards)) == 1
    assert list(branch.advantages) == [0, 0, 0]
    assert branch.spread.signal_to_noise == 0
    assert branch.spread.p == 1
    assert len(set(branch.ids)) == 1


def test_equal_actions_in_one_state_are_tried_once_and_each_is_charged(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    forks, stepped = make(), list[int]()
    step = forks.rows.step_rows

    def counted(actions: Mapping[int, Any]) -> Any:
        stepped.append(len(actions))
        return step(actions)

    monkeypatch.setattr(forks.rows, "step_rows", counted)
    one, other = forks.start(0), forks.start(1)
    starts, actions = [one, one, one, other], [ACTIONS[1], ACTIONS[0], ACTIONS[1], ACTIONS[1]]
    branch = forks.branch(starts, actions)
    assert stepped == [2, 1]
    assert branch.ids[0] == branch.ids[2]
    assert len(set(branch.ids)) == 3
    assert branch.rewards[0] == branch.rewards[2]
    assert branch.cost.steps == 4


def test_no_kept_snapshot_takes_the_name_of_another() -> None:
    forks = make()
    start = forks.start(0)
    first, second = (forks.keep(forks.snapshot(start)) for _ in range(2))
    forks.forget(start)
    assert forks.keep(forks.snapshot(first)) not in (first, second)


def test_orders_that_two_actions_share_are_filled_alike() -> None:
    """Common random numbers: what stands beside an order does not change its examples."""
    forks = make()
    alone, beside = Plan((Order("rev", 10),)), Plan((Order("add", 10), Order("rev", 10)))
    branch = forks.branch(forks.start(0), [alone, beside])
    data = [{e.prompt for e in r[4]["data"] if e.skill == "rev"} for r in branch.results]
    assert len(data[0]) > 5
    assert data[0] == data[1]


def test_states_are_equal_for_equal_seeds_and_actions_whoever_makes_them() -> None:
    one, other = make(), make(4)
    ids = [forks.branch(forks.start(3), ACTIONS[:2]).ids for forks in (one, other)]
    assert ids[0] == ids[1]
    for id_ in ids[0]:
        assert one.snapshot(id_).report == other.snapshot(id_).report
        assert in_full(one.observation(id_)) == in_full(other.observation(id_))


def test_each_action_can_have_a_state_of_its_own() -> None:
    forks = make()
    starts = forks.branch(forks.start(0), ACTIONS[:3]).ids
    together = forks.branch(starts, ACTIONS[:3])
    alone = [forks.branch(s, [a]).rewards[0] for s, a in zip(starts, ACTIONS, strict=False)]
    assert list(together.rewards) == alone


def test_an_environment_under_way_can_be_forked() -> None:
    env = gym.make("teachgym/SkillList-v0", student="simulated", **SMALL)
    env.reset(seed=5)
    env.step(ACTIONS[2])
    forks = Forks.of(env, 2)
    id_ = forks.keep(env.get_wrapper_attr("snapshot")())
    assert forks.branch(id_, ACTIONS[:1]).rewards[0] == env.step(ACTIONS[0])[1]


def test_a_group_whose_spread_is_noise_is_measured_on_more_items() -> None:
    """Equal actions differ in nothing; 50 training items are added to the 192 of val."""
    forks = make(2, recheck=50)
    branch = forks.branch(forks.start(0), [Plan(), Plan((Order("add", 1),))])
    n_val = len(forks.snapshot("0").report.predictions)
    assert branch.items == n_val + 50
    assert branch.rewards[0] == 0
    assert branch.rewards[1] == pytest.approx(branch.gains[1].mean)
    assert branch.cost.generated_tokens > 0
    taught = {e.prompt for e in branch.results[1][4]["data"]}
    items = forks._more_items(forks.start(0), branch.results)
    assert not taught & {e.prompt for e in items}


def test_a_group_gets_the_same_whoever_is_tried_with_it() -> None:
    """Two groups of noise, one that differs and one action alone: each as in a call of its own."""
    forks, first = make(2, recheck=50), ACTIONS[1]
    noise = [Plan(), Plan((Order("add", 1),))]
    tried = {0: noise, 1: [Plan((Order("copy", 1),)), Plan()], 2: [Plan(), first], 3: [first]}
    groups = {forks.start(seed): actions for seed, actions in tried.items()}
    alone = [forks.branch(start, actions) for start, actions in groups.items()]
    n_val = len(forks.snapshot("0").report.predictions)
    assert [branch.items - n_val for branch in alone] == [50, 50, 0, 0]
    asked = [(start, action) for start, actions in groups.items() for action in actions]
    asked = asked[::2] + asked[1::2]  # Groups need not be in one piece.
    together = forks.branch(*map(list, zip(*asked, strict=True)))
    wanted = {
        id_: (reward, gain)
        for branch in alone
        for id_, reward, gain in zip(branch.ids, branch.rewards, branch.gains, strict=True)
    }
    for id_, reward, gain in zip(together.ids, together.rewards, together.gains, strict=True):
        assert (reward, gain) == wanted[id_]
    assert together.items == n_val
    assert together.cost.generated_tokens == sum(branch.cost.generated_tokens for branch in alone)


def test_a_group_that_differs_is_not_measured_again() -> None:
    actions = [Plan(), Plan(tuple(Order(skill, 8) for skill in SKILLS))]
    forks = make(2, recheck=50, level=1.0)
    branch = forks.branch(forks.start(0), actions)
    assert 0 < branch.spread.p < 1
    assert branch.items == len(forks.snapshot("0").report.predictions)


def test_rewards_are_those_of_the_environment() -> None:
    """A proxy pays for what is chosen: skills of which half is right pay most."""
    forks = make(2, proxy="learnability", reward_scale=10)
    start = forks.start(0)
    branch = forks.branch(start, ACTIONS[:2])
    report = forks.snapshot(start).report
    for action, reward in zip(ACTIONS, branch.rewards, strict=False):
        skill = action.orders[0].skill
        assert 0 <= reward <= 10
        if report.by_skill()[skill].mean in (0, 1):
            assert reward == 0


def test_costs_are_those_of_all_that_were_tried() -> None:
    forks = make(2)
    branch = forks.branch(forks.start(0), ACTIONS[:3])
    assert branch.cost.steps == 3
    assert branch.cost.examples == sum(r[4]["cost"].examples for r in branch.results)


def test_from_a_state_that_has_ended_nothing_is_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor from the others of the group, which run."""
    forks = make(1, budget={"steps": 1})
    start = forks.start(0)
    (ended,) = forks.branch(start, ACTIONS[:1]).ids
    stepped = list[Any]()
    monkeypatch.setattr(forks.rows, "step_rows", stepped.append)
    with pytest.raises(EpisodeError, match=rf"is over in state '{ended}' \(steps\)"):
        forks.branch([start, ended], ACTIONS[:2])
    assert not stepped


def test_what_cannot_be_done_says_so() -> None:
    forks = make(1)
    start = forks.start(0)
    with pytest.raises(EpisodeError, match="no snapshot 'nowhere' is kept"):
        forks.branch("nowhere", ACTIONS[:1])
    with pytest.raises(ConfigError, match="0 states and 0 actions"):
        forks.branch(start, [])
    with pytest.raises(ConfigError, match="2 states and 1 actions"):
        forks.branch([start, start], ACTIONS[:1])
    forks.forget(start)
    with pytest.raises(EpisodeError):
        forks.observation(start)
    with pytest.raises(ConfigError, match="recheck is 5 and proxy 'learnability'"):
        make(1, recheck=5, proxy="learnability")
    with pytest.raises(ConfigError, match=r"recheck is 5 and stress has delayed_reward"):
        make(1, recheck=5, stress={"delayed_reward": 3})
    with pytest.raises(ConfigError, match="texts is False"):
        Forks("SkillList", 2, student="simulated", texts=False)


def test_advantages_have_mean_0_and_deviation_1() -> None:
    forks = make(2)
    actions = [Plan(), Plan(tuple(Order(skill, 8) for skill in SKILLS)), ACTIONS[1]]
    branch = forks.branch(forks.start(0), actions)
    if len(set(branch.rewards)) > 1:
        assert branch.advantages.mean() == pytest.approx(0, abs=1e-12)
        assert branch.advantages.std() == pytest.approx(1)
    assert not math.isnan(np.sum(branch.advantages))
