"""ALP-GMM, RIAC and Covar-GMM: their parts by hand, and the toy world they were published on."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import pytest

from teachgym.agents.progress.alp_gmm import ALPGMM
from teachgym.agents.progress.boxes import BoxSampler, NearestReward, Point, check_sides
from teachgym.agents.progress.covar_gmm import CovarGMM
from teachgym.agents.progress.mixtures import fit_mixture
from teachgym.agents.progress.riac import RIAC, Region, cut_region
from teachgym.errors import ConfigError
from tests.agents.worlds import ToyBox

SIDES = np.ones(2)
MakeSampler = Callable[[Point, np.random.Generator], BoxSampler]


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


SMALL: dict[str, MakeSampler] = {
    "alp-gmm": partial(ALPGMM, fit_every=100, components=(2, 4)),
    "riac": partial(RIAC, max_points=100),
    "covar-gmm": partial(CovarGMM, fit_every=100, components=(2, 4)),
}
"""Windows and mixtures for a few thousand tasks."""


class Random(BoxSampler):
    """Uniform tasks; what the others must beat."""

    def __init__(self, sides: Point, source: np.random.Generator) -> None:
        self.sides, self.source = sides, source

    def sample(self) -> Point:
        return self.source.uniform(0, self.sides)

    def update(self, point: Point, reward: float) -> None: ...


def teach(make: MakeSampler, world: ToyBox, episodes: int, seed: int = 0) -> float:
    """Share of the toy world's cells that are mastered in the end."""
    sampler = make(SIDES, rng(seed))
    for _ in range(episodes):
        point = sampler.sample()
        assert ((point >= 0) & (point <= SIDES)).all()
        sampler.update(point, world.train(point))
    return world.mastered


def test_the_nearest_reward_is_the_latest_of_equals() -> None:
    memory = NearestReward(2)
    for point, reward in [((0, 0), 1.0), ((1, 1), 2.0), ((0, 0), 3.0)]:
        memory.add(np.array(point, dtype=float), reward)
    assert memory.find(np.array([0.2, 0.1])) == 3.0
    assert memory.find(np.array([0.9, 0.6])) == 2.0


def test_the_nearest_reward_survives_growth() -> None:
    memory = NearestReward(1)
    for i in range(1000):
        memory.add(np.array([float(i)]), float(i))
    assert [memory.find(np.array([x])) for x in (0.2, 499.7, 5000.0)] == [0, 500, 999]


def test_the_mixture_with_the_lowest_aic_finds_two_clumps() -> None:
    source = rng()
    data = np.concatenate([source.normal(0, 0.05, (60, 2)), source.normal(1, 0.05, (60, 2))])
    means = fit_mixture(data, [1, 2], rng()).means
    np.testing.assert_allclose(np.sort(means, axis=0), [[0, 0], [1, 1]], atol=0.03)


def test_a_mixture_fits_data_that_are_all_alike_or_few() -> None:
    assert np.isfinite(fit_mixture(np.ones((20, 3)), [2, 4], rng()).means).all()
    assert len(fit_mixture(np.eye(3), [5, 6], rng()).means) == 1


def test_gaussians_are_drawn_in_proportion_to_their_usefulness() -> None:
    source = rng()
    centres = np.repeat([[0.2, 0.2], [0.8, 0.8]], 50, axis=0)
    sampler = CovarGMM(SIDES, rng(), components=[2], exploration=0.0)
    means = sampler.fit(centres + source.normal(0, 0.01, centres.shape)).means
    sampler.weigh(np.where(means[:, 0] > 0.5, 3.0, 1.0))
    high = np.array([sampler.sample()[0] > 0.5 for _ in range(2000)])
    assert high.mean() == pytest.approx(0.75, abs=0.03)
    sampler.weigh(np.where(means[:, 0] > 0.5, 3.0, -5.0))
    assert all(sampler.sample()[0] > 0.5 for _ in range(100))


def test_alp_is_the_difference_to_the_nearest_earlier_task_once_five_are_known() -> None:
    """Six visits to one point with rewards 0, 1, 2, ...: no ALP for five, then 1 for the sixth.

    With windows of 3 the second fit sees ALPs 0, 0 and 1, a mean of 1/3.
    """
    sampler = ALPGMM(SIDES, rng(), fit_every=3, components=[1])
    for reward in range(6):
        sampler.update(np.array([0.5, 0.5]), float(reward))
    assert sampler.gaussians is not None
    assert sampler.gaussians.means[0, 2] == pytest.approx(1 / 3)


def test_alp_gmm_goes_where_reward_moves() -> None:
    """Reward climbs in the right half only, so its Gaussians get the 80 % that do not explore."""
    sampler = ALPGMM(SIDES, rng(), fit_every=100, components=[2])
    for t in range(300):
        point = sampler.sample()
        sampler.update(point, t / 300 if point[0] > 0.5 else 0.0)
    right = np.mean([sampler.sample()[0] > 0.5 for _ in range(500)])
    assert right > 0.75


def test_where_a_task_begins_is_its_earlier_task_and_no_task_itself() -> None:
    """From 0.2 to 0.5 and from 0.9 to 0.8: the fit to two tasks has ALPs 0.3 and 0.1."""
    sampler = ALPGMM(SIDES, rng(), fit_every=2, components=[1])
    points = [np.array([0.2, 0.5]), np.array([0.8, 0.5])]
    for point, reward in zip(points, (0.2, 0.9), strict=True):
        sampler.begin(point, reward)
    assert sampler.gaussians is None
    for point, reward in zip(points, (0.5, 0.8), strict=True):
        sampler.update(point, reward)
    assert sampler.gaussians is not None
    assert sampler.gaussians.means[0] == pytest.approx([0.5, 0.5, 0.2])


@pytest.mark.parametrize(("absolute", "share"), [(False, 0.9), (True, 0.5)])
def test_covar_gmm_goes_where_reward_rises_and_with_absolute_also_where_it_falls(
    absolute: bool, share: float
) -> None:
    """Rewards rise on the right and fall on the left; 20 % of the tasks are uniform."""
    sampler = CovarGMM(SIDES, rng(), fit_every=200, components=[2], absolute=absolute)
    for t in range(200):
        side = t % 2
        point = np.array([0.25 + side / 2, 0.5]) + rng(t).normal(0, 0.02, 2)
        sampler.update(point, t / 200 if side else 1 - t / 200)
    right = np.mean([sampler.sample()[0] > 0.5 for _ in range(500)])
    assert right == pytest.approx(share, abs=0.06)


def visit_twice(moves: Callable[[int], bool]) -> Region:
    """A region with tasks at 0.005, 0.015, ..., 0.995; on the second visit those that move pay."""
    region = Region(np.zeros(1), np.ones(1))
    for visit in range(2):
        region.points += [np.array([(i + 0.5) / 100]) for i in range(100)]
        region.rewards += [float(visit and moves(i)) for i in range(100)]
    return region


def test_riac_cuts_where_progress_differs() -> None:
    parts = cut_region(visit_twice(lambda i: i < 30), np.ones(1), 200, rng())
    assert parts is not None
    left, right = parts
    assert left.high[0] == right.low[0] == pytest.approx(0.3, abs=0.05)
    assert left.progress > 0.85 > 0.1 > right.progress
    assert len(left.points) + len(right.points) == 200
    assert all(p[0] <= left.high[0] for p in left.points)


def test_riac_weighs_a_cut_by_the_numbers_of_tasks() -> None:
    """Below 0.1 every task moves, above 0.5 seven of ten do, in between none.

    A cut at 0.1 has ALPs 1 and 0.35 / 0.9, a difference of 0.61, on 20 and 180 tasks: 2,200.
    A cut at 0.5 has ALPs 0.2 and 0.7, a difference of only 0.5, but on 100 and 100: 5,000.
    """
    region = visit_twice(lambda i: i < 10 or (i >= 50 and i % 10 < 7))
    parts = cut_region(region, np.ones(1), 200, rng())
    assert parts is not None
    assert parts[0].high[0] == pytest.approx(0.5, abs=0.05)


def test_riac_forgets_the_oldest_quarter_when_no_cut_is_valid() -> None:
    """All tasks at one point cannot be divided: 21 of at most 20 become 16."""
    sampler = RIAC(SIDES, rng(), max_points=20)
    for t in range(21):
        sampler.update(np.array([0.5, 0.5]), float(t))
    assert len(sampler.regions) == 1
    assert sampler.regions[0].rewards == [float(t) for t in range(5, 21)]


def test_the_regions_of_riac_tile_the_box() -> None:
    sampler = RIAC(np.array([3.0, 1.0]), rng(), max_points=20)
    for t in range(500):
        point = sampler.sample()
        sampler.update(point, t * point[0])
    volumes = [np.prod(region.high - region.low) for region in sampler.regions]
    assert len(volumes) > 5
    assert sum(volumes) == pytest.approx(3.0)
    for region in sampler.regions:
        assert all(((region.low <= p) & (p <= region.high)).all() for p in region.points)


@pytest.mark.sweep(1)
@pytest.mark.parametrize("name", SMALL)
def test_equal_seeds_give_equal_tasks(name: str) -> None:
    def tasks(seed: int) -> list[list[float]]:
        sampler, drawn = SMALL[name](SIDES, rng(seed)), []
        for t in range(300):
            point = sampler.sample()
            sampler.update(point, t * point[0])
            drawn.append(point.tolist())
        return drawn

    assert tasks(1) == tasks(1) != tasks(2)


@pytest.mark.parametrize("sides", [[], [1, 0], [[1, 1]], [float("inf")]])
def test_a_box_needs_positive_sides(sides: list[float]) -> None:
    with pytest.raises(ConfigError, match="give one number above 0 per dimension"):
        check_sides(sides)


@pytest.mark.parametrize("make", [partial(ALPGMM, fit_every=1), partial(RIAC, max_points=3)])
def test_windows_that_are_too_small_are_refused(make: MakeSampler) -> None:
    with pytest.raises(ConfigError, match="it must be"):
        make(SIDES, rng())


def test_mixtures_need_numbers_of_components() -> None:
    with pytest.raises(ConfigError, match="give numbers of Gaussians"):
        ALPGMM(SIDES, rng(), components=[])


@pytest.mark.sweep(1)
@pytest.mark.parametrize("name", SMALL)
def test_a_small_toy_world_is_mastered_faster_than_by_random_tasks(name: str) -> None:
    """36 cells with a gate of 40 points; in 2,000 tasks random teaching masters just one."""
    mastered = teach(SMALL[name], ToyBox(n_cells=6, gate=40), 2000)
    random = teach(Random, ToyBox(n_cells=6, gate=40), 2000)
    assert random == pytest.approx(1 / 36)
    assert mastered > 2 * random


@pytest.mark.slow
@pytest.mark.parametrize("make", [ALPGMM, RIAC, CovarGMM])
def test_the_published_toy_world_is_mastered_five_times_faster(make: MakeSampler) -> None:
    """100 cells, 12,000 tasks."""
    mastered = np.mean([teach(make, ToyBox(), 12_000, seed) for seed in (0, 1)])
    assert mastered > 5 * np.mean([teach(Random, ToyBox(), 12_000, seed) for seed in (0, 1)])


@pytest.mark.slow
@pytest.mark.parametrize("make", [ALPGMM, RIAC, CovarGMM])
def test_dead_cells_do_not_trap_the_teachers(make: MakeSampler) -> None:
    """30 % of the cells never learn; in these two worlds 68 and 61 cells can be reached."""
    mastered = np.mean([teach(make, ToyBox(dead=0.3, seed=s), 12_000, s) for s in (4, 5)])
    random = np.mean([teach(Random, ToyBox(dead=0.3, seed=s), 12_000, s) for s in (4, 5)])
    assert mastered > 5 * random
