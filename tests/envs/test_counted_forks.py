"""``CountedForks``: to the digit what ``Forks`` gives where the gate accepts all."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from teachgym.envs.forks import CountedForks, Forks, forks_of
from teachgym.errors import ActionError, ConfigError, EpisodeError
from tests.envs.test_counted import SMALL, assert_equal


def actions_of(shape: tuple[int, ...], count: int) -> list[Any]:
    rng = np.random.default_rng(0)
    drawn = rng.dirichlet(np.full(np.prod(shape), 0.2), count)
    return [own.reshape(shape).astype(np.float32) for own in drawn]


@pytest.mark.sweep(1)
@pytest.mark.parametrize("proxy", [None, "learnability", "learning_progress"])
def test_branches_are_those_of_forks_with_texts(proxy: str | None) -> None:
    """Five actions two at a time, and three more from the state after the second."""
    written = Forks("SkillList", 2, **SMALL, proxy=proxy, gate_settings={"duplicates": "allow"})
    counted = CountedForks("SkillList", 2, **SMALL, proxy=proxy)
    assert counted.skills == written.skills
    actions = actions_of(written.single_action_space.shape, 8)
    states = [forks.start(7) for forks in (written, counted)]
    for tried in (actions[:5], actions[5:]):
        assert_equal(*(f.observation(s) for f, s in zip((written, counted), states, strict=True)))
        one, other = (f.branch(s, tried) for f, s in zip((written, counted), states, strict=True))
        np.testing.assert_allclose(other.rewards, one.rewards, rtol=1e-12, atol=1e-15)
        assert other.ids == one.ids
        assert [g.mean for g in other.gains] == pytest.approx([g.mean for g in one.gains])
        assert other.spread.signal_to_noise == pytest.approx(one.spread.signal_to_noise)
        assert other.cost.steps == one.cost.steps == len(tried)
        assert other.cost.examples == one.cost.examples
        states = [one.ids[1], other.ids[1]]


def test_a_forgotten_state_is_told_of() -> None:
    forks = CountedForks("SkillList", 2, **SMALL)
    forks.forget(start := forks.start(0))
    with pytest.raises(EpisodeError, match="no snapshot '0' is kept"):
        forks.branch(start, actions_of((32, 3), 1))


def test_from_a_state_that_has_ended_nothing_is_tried() -> None:
    forks = CountedForks("SkillList", 2, **{**SMALL, "budget": {"steps": 1}})
    (ended,) = forks.branch(forks.start(0), actions_of((32, 3), 1)).ids
    with pytest.raises(EpisodeError, match=r"is over in state '0/.*' \(steps\); branch"):
        forks.branch(ended, actions_of((32, 3), 1))


def test_wrong_actions_are_told_of_as_forks_with_texts_do() -> None:
    forks = CountedForks("SkillList", 2, **SMALL)
    start = forks.start(0)
    action = np.full((32, 3), 0.01)
    assert forks.branch(start, [action.tolist()]).ids == forks.branch(start, [action]).ids
    with pytest.raises(ActionError, match=r"shape \(2, 3\)"):
        forks.branch(start, [action, action[:2]])
    with pytest.raises(ActionError, match="is nan"):
        forks.branch(start, [action * np.nan])
    with pytest.raises(ConfigError, match="there are 0 actions"):
        forks.branch(start, [])


def test_which_forks_there_are_depends_on_texts() -> None:
    assert isinstance(forks_of("SkillList", 2, **SMALL, texts=False), CountedForks)
    assert isinstance(forks_of("SkillList", 2, **SMALL), Forks)
    with pytest.raises(ConfigError, match="recheck is 5 and texts False"):
        forks_of("SkillList", 2, recheck=5, **SMALL, texts=False)
    with pytest.raises(ConfigError, match="which needs texts"):
        forks_of("SkillList", 2, **SMALL, texts=False, proxy="teachgym.rewards:learnability")
