"""Engines fill orders with signed examples, and equal plans and generators give equal data."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from itertools import repeat
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from teachgym.engines import ENGINES
from teachgym.engines.orders import divide, fill, leaves_under
from teachgym.engines.pool import PoolEngine
from teachgym.engines.procedural import ProceduralEngine
from teachgym.engines.replay import ReplayEngine
from teachgym.errors import (
    ConfigError,
    ConformanceError,
    RunError,
    UnknownNameError,
    UnknownSkillError,
)
from teachgym.protocols import DataEngine
from teachgym.streams import Streams
from teachgym.tasks.task import Task
from teachgym.testing import ToyTask, check_engine
from teachgym.types import Data, Example, Order, Plan, Provenance, Skill
from tests.example_files import write_examples

TASK = ToyTask()


def generate(engine: DataEngine, *orders: Order, seed: int = 0) -> Data:
    return engine.generate(Plan(orders), np.random.default_rng(seed))


@pytest.mark.parametrize("name", ["procedural", "pool", "replay"])
def test_every_engine_keeps_the_contract(name: str, tmp_path: Path) -> None:
    settings: dict[str, Any] = {}
    if name == "replay":
        write_examples(tmp_path / "examples.jsonl", TASK.examples("train"))
        settings["path"] = str(tmp_path)
    check_engine(ENGINES.make(name, TASK, settings=settings), TASK)


# -- orders ----------------------------------------------------------------------------------


def test_leaves_are_found_at_any_depth() -> None:
    skills = (Skill("a"), Skill("b", "a"), Skill("c", "b"), Skill("d", "a"), Skill("e"))
    assert leaves_under(skills) == {
        "a": ("c", "d"),
        "b": ("c",),
        "c": ("c",),
        "d": ("d",),
        "e": ("e",),
    }


@given(count=st.integers(0, 1000), leaves=st.integers(1, 9))
def test_a_divided_order_keeps_its_count_and_is_even(count: int, leaves: int) -> None:
    under = {"a": tuple("abcdefghi"[:leaves])}
    streams = (Streams(np.random.default_rng(count)) for _ in range(2))
    shares, more = (
        [n for _, n in divide(Order("a", count + extra), under, own)]
        for extra, own in enumerate(streams)
    )
    assert sum(shares) == count
    assert max(shares) - min(shares) <= 1
    assert all(a <= b for a, b in zip(shares, more, strict=True))


# -- common random numbers -------------------------------------------------------------------

LEVEL_OF = {"copy": None, "reverse": 0.0, "next": 1.0, "double": 0.0}
PLANS = st.dictionaries(st.sampled_from(list(LEVEL_OF)), st.integers(1, 4))


@pytest.mark.parametrize("name", ["procedural", "pool", "verified"])
@given(one=PLANS, other=PLANS, seed=st.integers(0, 9))
def test_plans_share_the_examples_of_what_both_order(
    name: str, one: dict[str, int], other: dict[str, int], seed: int
) -> None:
    """The one that orders more of a skill gets the other's examples and more."""
    inner = {"engine": "procedural"} if name == "verified" else {}
    engine = ENGINES.make(name, TASK, settings=inner)
    first, second = (
        generate(engine, *(Order(s, n, LEVEL_OF[s]) for s, n in plan.items()), seed=seed)
        for plan in (one, other)
    )
    for skill in one.keys() & other.keys():
        fewer, more = sorted(
            ([e for e in data if e.skill == skill] for data in (first, second)), key=len
        )
        assert len(fewer) == min(one[skill], other[skill])
        assert more[: len(fewer)] == fewer


def test_orders_of_one_skill_and_difficulty_go_on_where_the_one_before_ended() -> None:
    engine = ProceduralEngine(TASK)
    whole = generate(engine, Order("copy", 5, 1.0))
    parts = generate(engine, Order("copy", 2, 1.0), Order("next", 9), Order("copy", 3, 1.0))
    assert tuple(e for e in parts if e.skill == "copy") == whole


def test_equal_orders_have_equal_examples_whatever_the_type_of_the_level() -> None:
    """Streams are named after the level, and 1, 1.0 and NumPy's 1.0 are written differently."""
    orders = [Order("copy", 3, level) for level in (1.0, 1, np.float64(1))]
    assert orders[0] == orders[1] == orders[2]
    first, *others = (generate(ProceduralEngine(TASK), order) for order in orders)
    assert others == [first, first]
    lowest = (generate(ProceduralEngine(TASK), Order("copy", 3, level)) for level in (0.0, -0.0))
    assert len(set(lowest)) == 1


def test_levels_and_any_level_have_examples_of_their_own() -> None:
    texts = [
        {e.prompt for e in generate(ProceduralEngine(TASK), Order("copy", 9, level))}
        for level in (0.0, 1.0, None)
    ]
    assert not texts[0] & texts[1]
    assert not texts[2] & (texts[0] | texts[1])


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("backward", {}),
        ("by-order", {"engines": {"procedural": {}, "pool": {}}, "default": "procedural"}),
    ],
)
def test_engines_of_engines_share_what_both_order(name: str, settings: dict[str, Any]) -> None:
    engine = ENGINES.make(name, TASK, settings=settings)
    pooled = "pool" if name == "by-order" else ""
    alone = generate(engine, Order("copy", 5))
    after = generate(engine, Order("next", 3, engine=pooled), Order("copy", 5))
    assert tuple(e for e in after if e.skill == "copy") == alone


# -- procedural ------------------------------------------------------------------------------


def test_the_procedural_engine_makes_exactly_what_is_ordered() -> None:
    data = generate(ProceduralEngine(TASK), Order("copy", 3, 1.0), Order("numbers", 5, 0.0))
    counts = Counter((e.skill, e.difficulty) for e in data)
    assert counts["copy", 1.0] == 3
    assert sorted([counts["next", 0.0], counts["double", 0.0]]) == [2, 3]
    assert counts.total() == 8
    assert {e.provenance for e in data} == {Provenance(teacher="procedural")}
    assert {e.source for e in data} == {"teacher"}


def test_a_task_that_cannot_make_examples_is_refused() -> None:
    class Fixed(Task):
        name, skills, levels = "fixed-v0", TASK.skills, TASK.levels
        examples, grade = TASK.examples, TASK.grade

    with pytest.raises(ConfigError, match="'fixed-v0' cannot make examples; use engine='pool'"):
        ProceduralEngine(Fixed())


def pool(*difficulties: float | None) -> PoolEngine:
    examples = (
        Example(f"p{i}", "t", "copy", id=f"id{i}", difficulty=d) for i, d in enumerate(difficulties)
    )
    return PoolEngine(TASK.skills, examples)


def test_nothing_is_chosen_twice_in_one_call_and_shortage_gives_fewer() -> None:
    data = generate(pool(None, None, None), Order("copy", 2), Order("copy", 2), Order("next", 2))
    assert sorted(e.prompt for e in data) == ["p0", "p1", "p2"]


def test_the_nearest_difficulties_are_chosen_first_and_unknown_ones_last() -> None:
    """Distances to 0.6 are 0.6, 0.1, 0.4, unknown."""
    data = generate(pool(0.0, 0.5, 1.0, None), Order("copy", 4, 0.6))
    assert [e.difficulty for e in data] == [0.5, 1.0, 0.0, None]


def test_named_seeds_are_chosen_themselves_and_unknown_ones_leave_the_choice_open() -> None:
    engine = pool(*[None] * 9)
    named, unknown = ("id3", "id5", "elsewhere"), ("elsewhere",)
    orders = Order("copy", 3, seeds=named), Order("copy", 1, seeds=("id3",))
    assert sorted(e.id for e in generate(engine, *orders)) == ["id3", "id5"]
    assert len(generate(engine, Order("copy", 4, seeds=unknown))) == 4


SEEDED = [e for e in TASK.examples("train") if e.skill in ("copy", "next")][::9]


@pytest.mark.parametrize("name", ["pool", "targeted-fix", "similar"])
def test_seeds_of_another_skill_are_passed_over(name: str) -> None:
    """They were varied in place of what was ordered, or nothing was handed in."""
    engine, seeds = ENGINES.make(name, TASK), tuple(e.id for e in SEEDED)
    own = {e.id for e in SEEDED if e.skill == "copy"}
    data = generate(engine, Order("copy", len(own), seeds=seeds))
    assert {e.skill for e in data} == {"copy"}
    assert {e.provenance and e.provenance.seeds[0] for e in data} == own
    others = generate(engine, Order("double", 3, seeds=seeds))
    assert [e.skill for e in others] == ["double"] * 3


def test_seeds_of_one_leaf_fill_an_order_for_all() -> None:
    """An order for a root was divided first, so that half of it found no seed in its leaf."""
    seeds = tuple(e.id for e in TASK.examples("train") if e.skill == "copy")[:6]
    for name in ("pool", "targeted-fix"):
        data = generate(ENGINES.make(name, TASK), Order("words", 6, seeds=seeds))
        assert sorted(e.provenance.seeds[0] for e in data if e.provenance) == sorted(seeds)


# -- engines of others -----------------------------------------------------------------------


class Odd(DataEngine):
    """Gives what it was told to give."""

    def __init__(self, gives: Any) -> None:
        self.gives = gives

    def generate(self, plan: Plan, rng: np.random.Generator) -> Any:
        return self.gives(plan, rng)


def by_rule(plan: Plan, rng: np.random.Generator, *, times: int = 1) -> Data:
    orders = tuple(replace(o, count=times * o.count) for o in plan.orders)
    return ProceduralEngine(TASK).generate(Plan(orders), rng)


def around(name: str, odd: Odd) -> DataEngine:
    own = {"engines": {"odd": {"name": odd}}, "default": "odd"} if name == "by-order" else None
    return ENGINES.make(name, TASK, settings=own or {"engine": odd})


@pytest.mark.parametrize("name", ["imperfect", "critique", "verified", "backward", "by-order"])
def test_what_engines_are_made_of_may_give_one_example_after_the_other(name: str) -> None:
    """``imperfect`` gave nothing for a generator, and others failed from inside."""
    order = Order("copy", 4, 1.0)
    engines = [around(name, Odd(gives)) for gives in (by_rule, lambda *a: iter(by_rule(*a)))]
    one, other = (generate(engine, order) for engine in engines)
    assert one == other
    assert len(one) == 4


@pytest.mark.parametrize("name", ["imperfect", "critique", "verified", "backward", "by-order"])
@pytest.mark.parametrize(
    ("gives", "said"),
    [
        (lambda plan, rng: None, "gives None"),
        (lambda plan, rng: 3, "gives 3"),
        (lambda plan, rng: "text", "gives 't'"),
        (lambda plan, rng: [None], "gives None"),
        (lambda plan, rng: repeat(SEEDED[0]), "gives more than the"),
        (lambda plan, rng: by_rule(plan, rng, times=2), "gives more than the"),
    ],
)
def test_an_engine_that_gives_no_examples_or_too_many_is_named(
    name: str, gives: Any, said: str
) -> None:
    with pytest.raises(ConformanceError, match=f"engine 'Odd' {said}"):
        generate(around(name, Odd(gives)), Order("copy", 4, 1.0))


def test_examples_of_subskills_must_name_them() -> None:
    """A skill tree counted them for nobody, so that no subskill was ever taught."""
    plan = Plan((Order("copy", 2, subskill="short"), Order("copy", 2, subskill="long")))
    rng = np.random.default_rng(0)
    assert len(fill(Odd(by_rule), plan, rng)) == 4
    bare = Odd(lambda *order: [replace(e, provenance=None) for e in by_rule(*order)])
    with pytest.raises(
        ConformanceError, match=r"engine 'Odd' gives examples that name no subskill"
    ):
        fill(bare, plan, rng)
    as_well = Plan((*plan.orders, Order("copy", 2)))  # Of a leaf of the task.
    assert len(fill(bare, as_well, rng)) == 6


def test_ties_are_drawn_at_random() -> None:
    engine = pool(0.5, 0.5, 0.5, 0.5)
    first = {generate(engine, Order("copy", 1, 0.5), seed=seed)[0].prompt for seed in range(40)}
    assert first == {"p0", "p1", "p2", "p3"}


def test_a_chosen_example_names_its_origin_and_keeps_the_writer_it_has() -> None:
    written = Provenance(teacher="human", step=3)
    examples = [
        Example("p", "t", "copy", id="train/0"),
        Example("q", "t", "next", provenance=written),
    ]
    data = generate(PoolEngine(TASK.skills, examples), Order("copy", 1), Order("next", 1))
    assert [e.provenance for e in data] == [Provenance(("train/0",), "pool"), written]


def test_the_pool_of_a_task_is_its_training_split() -> None:
    data = generate(ENGINES.make("pool", TASK), Order("words", 1000))
    chosen = {e.prompt for e in data}
    assert chosen == {e.prompt for e in TASK.examples("train") if e.skill in ("copy", "reverse")}


# -- replay ----------------------------------------------------------------------------------


def test_replay_serves_what_a_run_recorded_with_its_provenance(tmp_path: Path) -> None:
    recorded = Example(
        "copy: abc", "abc", "copy", source="teacher", provenance=Provenance((), "llm", 2)
    )
    write_examples(tmp_path / "examples.jsonl", [recorded])
    for path in (tmp_path, str(tmp_path / "examples.jsonl")):
        assert generate(ReplayEngine(TASK, path), Order("copy", 5)) == (recorded,)


def test_replay_of_a_run_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"nowhere does not exist"):
        ReplayEngine(TASK, tmp_path / "nowhere")


# -- the registry ----------------------------------------------------------------------------


def test_an_unknown_engine_is_answered_with_a_suggestion() -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'procedural'"):
        ENGINES.make("prozedural", TASK)


@pytest.mark.parametrize(
    ("name", "settings", "message"),
    [("procedural", {"speed": 2}, "speed"), ("replay", {}, "path")],
)
def test_settings_that_an_engine_does_not_have_or_lacks_are_named(
    name: str, settings: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigError, match=rf"engine '{name}' .*'{message}'"):
        ENGINES.make(name, TASK, settings=settings)


@pytest.mark.parametrize("name", ["procedural", "pool"])
def test_an_order_for_an_unknown_skill_is_refused(name: str) -> None:
    with pytest.raises(UnknownSkillError, match="Did you mean 'reverse'"):
        generate(ENGINES.make(name, TASK), Order("revers", 1))
