"""Forecasts by hand: means of what is finished, times what is left, and what nobody knows."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from teachgym import experiment
from teachgym.benchmarks.bench.forecast import ArmForecast, describe, forecast
from teachgym.benchmarks.bench.jobs import Job, do_group
from teachgym.benchmarks.bench.runner import Status, read_results
from teachgym.benchmarks.bench.suites import Arm, Suite
from teachgym.records import Record
from teachgym.runs.config import RunConfig
from teachgym.runs.result import RunResult
from teachgym.runs.seals import seal
from teachgym.types import Cost

GPT = {"provider": "openai", "model": "gpt-4o-mini", "prices": {"in": 0.15, "out": 0.6}}


def an_arm(
    name: str,
    left: int,
    spent: Sequence[Cost] = (),
    *,
    teacher: str = "llm",
    chat: Any = GPT,
    **settings: Any,
) -> ArmForecast:
    config = RunConfig(teacher=teacher, env_settings=settings, chat=chat)
    states: list[Status] = [*["finished"] * len(spent), *["missing"] * left]
    return ArmForecast(Arm(name, teacher), config, states, spent)


def asked(tokens_in: int, tokens_out: int, dollars: float, seconds: float = 0.0) -> Cost:
    return Cost(
        teacher_tokens_in=tokens_in,
        teacher_tokens_out=tokens_out,
        dollars=dollars,
        seconds=seconds,
    )


def test_what_is_left_costs_what_finished_runs_cost_on_average() -> None:
    """3 left x means (2000, 300, 0.5, 100 s); 2 left x (100, 10, 0.01, 20 s).

    Together 6200 and 920 tokens, 1.52 dollars, 340 seconds = 5.67 minutes.
    """
    arms = [
        an_arm("a", 3, [asked(1000, 200, 0.4, 80.0), asked(3000, 400, 0.6, 120.0)]),
        an_arm("b", 2, [asked(100, 10, 0.01, 20.0)]),
    ]
    assert arms[0].to_come("teacher_tokens_in") == 6000
    assert list(describe(arms)) == [
        "5 of 8 runs are left, about 6 minutes in 1 process",
        "gpt-4o-mini costs 0.15 dollars per million tokens in, 0.60 out",
        "a, b: about 6,200 tokens into the chat model and 920 out, 1.52 dollars",
    ]


def test_a_finished_arm_costs_nothing_more() -> None:
    arm = an_arm("a", 0, [asked(1000, 200, 0.4, 80.0)])
    assert arm.to_come("dollars") == 0
    assert list(describe([arm])) == ["0 of 1 runs are left"]


def test_the_time_of_an_arm_that_nobody_has_run_is_that_of_the_others() -> None:
    """2 left x 30 s of its own + 1 left x the mean of 20, 40 and 30 s: 90 s, rounded to even."""
    spent = [Cost(seconds=20.0), Cost(seconds=40.0)]
    arms = [
        an_arm("a", 2, spent, teacher="uniform"),
        an_arm("b", 1, teacher="alp"),
        an_arm("c", 0, [Cost(seconds=30.0)], teacher="weakest"),
    ]
    first, *others = describe(arms)
    assert first == "3 of 6 runs are left, about 2 minutes in 1 process"
    assert others == []


@pytest.mark.parametrize(
    ("seconds", "left", "processes", "said"),
    [
        (1.4, 1, 1, "about 1 second in 1 process"),
        (0.1, 3, 4, "about 1 second in 3 processes"),
        (60.0, 2, 2, "about 1 minute in 2 processes"),
        (50.0, 10, 4, "about 2 minutes in 4 processes"),
    ],
)
def test_processes_share_the_work(seconds: float, left: int, processes: int, said: str) -> None:
    """0.3 s among 3 is a second at least; 500 s among 4 are 125."""
    arm = an_arm("a", left, [Cost(seconds=seconds)], teacher="uniform")
    assert list(describe([arm], processes)) == [f"{left} of {left + 1} runs are left, {said}"]


def test_how_long_runs_take_is_not_known_before_one_is_finished() -> None:
    said = "2 of 2 runs are left; how long they take is known once a run is finished"
    assert list(describe([an_arm("a", 2, teacher="uniform")])) == [said]


def test_a_limit_that_is_none_is_no_limit() -> None:
    budget = {"steps": 5, "dollars": None, "teacher_calls": 1000}
    *_, last = describe([an_arm("bound", 1, budget=budget)])
    assert last == "bound: a run may cost 1,000 teacher calls, by its budget; none is finished yet"


def test_of_an_arm_that_nobody_has_run_the_budget_says_what_it_may_cost() -> None:
    arms = [
        an_arm("bound", 2, budget={"steps": 5, "dollars": 1.5, "teacher_calls": 1000}),
        an_arm("free", 2, budget={"steps": 5}),
        an_arm("free-too", 1, teacher="uniform", engine="llm"),
        an_arm("proposing", 0, teacher="uniform", proposer="llm"),
    ]
    assert list(describe(arms))[2:] == [
        "bound: a run may cost 1.5 dollars, 1,000 teacher calls, by its budget; none is finished "
        "yet",
        "free, free-too: what a run asks of the chat model is unknown until one is finished; try "
        "--seeds 1",
    ]


def test_budgets_that_bind_every_run_cap_the_bench() -> None:
    """2 x 0.25 + 1 x 0.5 dollars; calls are limited in one arm alone, and one run says enough."""
    arms = [
        an_arm("a", 2, budget={"dollars": 0.25, "teacher_calls": 10}),
        an_arm("b", 1, budget={"dollars": 0.5}),
        an_arm("rule", 3, teacher="uniform"),
    ]
    cap = "by their budgets at most 1.0 dollars in all, besides calls in flight"
    assert list(describe(arms))[-1] == cap
    assert cap not in list(describe([*arms, an_arm("free", 1)]))
    assert not any(line.startswith("by their") for line in describe(arms[1:]))


def test_less_than_a_cent_is_told() -> None:
    """2 left x 0.00123 dollars."""
    assert list(describe([an_arm("a", 2, [asked(800, 200, 0.00123)])]))[-1] == (
        "a: about 1,600 tokens into the chat model and 400 out, 0.0025 dollars"
    )


@pytest.mark.parametrize(
    ("chat", "said"),
    [
        ({"provider": "openai", "model": "nobody-knows"}, "the price of nobody-knows is not known"),
        ({**GPT, "prices": {"in": 1, "out": 2}}, "gpt-4o-mini costs 1.00 dollars per million"),
        ({"provider": "python", "model": "some.module:function"}, "a: what a run asks"),
        ({}, "a: what a run asks"),
    ],
)
def test_the_price_is_that_of_the_model(chat: Any, said: str) -> None:
    assert list(describe([an_arm("a", 1, chat=chat)]))[1].startswith(said)


@pytest.mark.slow
def test_runs_made_together_are_as_long_as_their_share(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two runs side by side of which each reports 7,200 seconds have taken 3,600 each."""
    suite = Suite(
        "pair",
        1,
        "for tests",
        (Arm("uniform", "uniform"), Arm("weak", "weakest")),
        env_settings={"student": "simulated", "budget": {"steps": 1}, "examples_per_step": 10},
        seeds=1,
    )
    to_json = experiment.result_to_json

    def to_json_of_two_hours(result: RunResult) -> Record:
        return {**(record := to_json(result)), "spent": {**record["spent"], "seconds": 7200.0}}

    monkeypatch.setattr(experiment, "result_to_json", to_json_of_two_hours)
    do_group(tuple(Job(c.config.to_json(), str(tmp_path / c.path)) for c in suite.cells()))
    arms = forecast(suite.narrowed((), 2), tmp_path)
    assert [arm.states for arm in arms] == [["finished", "missing"]] * 2
    assert [cost.seconds for arm in arms for cost in arm.spent] == [3600.0, 3600.0]
    assert next(describe(arms)) == "2 of 4 runs are left, about 120 minutes in 1 process"
    assert all(r.spent.seconds == 3600 for r in read_results(suite, tmp_path).values())


def test_loading_and_exam_count_too(tmp_path: Path) -> None:
    """A run whose steps took next to nothing and whose process took 100 seconds."""
    settings = {"student": "simulated", "budget": {"steps": 1}, "examples_per_step": 10}
    suite = Suite("s", 1, "", (Arm("uniform", "uniform"),), env_settings=settings, seeds=1)
    (cell,) = suite.cells()
    do_group((Job(cell.config.to_json(), str(tmp_path / cell.path)),))
    path = tmp_path / cell.path / "journal.jsonl"
    *lines, last = path.read_text().splitlines()
    record = json.loads(last)
    assert 0 < record["seconds"] < 100
    previous = record.pop("previous")
    del record["digest"]
    text, _ = seal({**record, "seconds": 100.0}, previous)
    path.write_text("\n".join([*lines, text]))
    (arm,) = forecast(suite.narrowed((), 4), tmp_path)
    assert arm.to_come("seconds") == 300


def test_every_chat_model_has_its_price() -> None:
    other = {"provider": "openai", "model": "gpt-4o", "prices": {"in": 2.5, "out": 10}}
    arms = [an_arm("cheap", 1), an_arm("cheap-too", 1), an_arm("dear", 1, chat=other)]
    said = [line for line in describe(arms) if "costs" in line]
    assert [line.split()[0] for line in said] == ["gpt-4o-mini", "gpt-4o"]
