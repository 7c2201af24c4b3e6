"""The engine by chat model: made from plain settings, paid by the meter, equal when repeated."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from teachgym.chat.cache import Recorded
from teachgym.chat.scripted import Scripted
from teachgym.chat.settings import ChatSettings
from teachgym.engines import ENGINES
from teachgym.engines.llm import LLMEngine
from teachgym.errors import ChatError, ConfigError
from teachgym.ledger import Ledger
from teachgym.protocols import ChatModel, DataEngine
from teachgym.testing import ToyTask, check_engine
from teachgym.types import Budget, Data, Messages, Order, Plan
from tests.engines.writing import Desk, items, wanted

TASK = ToyTask()
PLAN = Plan((Order("words", 5), Order("double", 2, 1.0)))


def answer(messages: Messages, schema: Any, draw: int) -> str:
    """New words that depend on the draw."""
    rng = np.random.default_rng(draw)
    words = ["".join(rng.choice(list("abcdef"), 8)) for _ in range(wanted(messages[1]["content"]))]
    return items(*({"problem": f"copy: {word}", "answer": word} for word in words))


def generate(engine: DataEngine, plan: Plan = PLAN, seed: int = 0) -> Data:
    return engine.generate(plan, np.random.default_rng(seed))


def test_the_engine_keeps_the_contract() -> None:
    check_engine(ENGINES.make("llm", TASK, chat=Scripted(answer)), TASK)


def test_equal_plans_and_generators_give_equal_data_whatever_was_made_before() -> None:
    engine = ENGINES.make("llm", TASK, chat=Scripted(answer))
    first = generate(engine)
    assert len(first) == 7
    assert generate(engine, seed=1) != first
    assert generate(engine) == first


def test_the_engine_writes_what_the_writer_writes() -> None:
    desk = Desk(lambda text, n: items({"problem": f"copy: number{n}", "answer": f"number{n}"}))
    expected = desk.write(*PLAN.orders, seed=3, refills=1)
    desk.asked.clear()
    chat = desk.writer().asker.chat
    assert (
        generate(
            ENGINES.make("llm", TASK, settings={"refills": 1, "workers": 1}, chat=chat), seed=3
        )
        == expected
    )


def test_the_purse_pays_and_ends_the_writing() -> None:
    ledger = Ledger(Budget(teacher_calls=2))
    engine = ENGINES.make("llm", TASK, settings={"workers": 1}, meter=ledger, chat=Scripted(answer))
    assert len(generate(engine)) == 5  # copy and reverse, but not double
    assert ledger.spent.teacher_calls == 2
    assert [incident.event for incident in ledger.incidents] == ["unpaid", "short"]


def test_the_chat_model_can_be_given_as_settings(tmp_path: Path) -> None:
    """What was recorded is served to an engine that knows the settings alone."""
    settings = ChatSettings(model="m", cache="replay", store=str(tmp_path / "chat.sqlite"))
    chat = Recorded(Scripted(answer), settings.store_path, "record", identity=settings.identity)
    recorded = generate(ENGINES.make("llm", TASK, chat=chat))
    engine = ENGINES.make("llm", TASK, chat=settings.to_json())
    assert generate(engine) == recorded
    with pytest.raises(ChatError):
        generate(engine, seed=1)


@pytest.mark.parametrize(("workers", "expected"), [(None, 3), (2, 2)])
def test_workers_are_those_of_the_chat_settings_unless_given(
    workers: int | None, expected: int
) -> None:
    chat = {"model": "m", "cache": "off", "workers": 3}
    assert LLMEngine(TASK, chat=chat, workers=workers).writer.asker.workers == expected


@pytest.mark.parametrize(
    ("chat", "settings", "message"),
    [
        (None, {}, "engine 'llm' asks a chat model and none"),
        (Scripted(answer), {"vote": 3}, "'vote'.* Did you mean 'votes'"),
        (Scripted(answer), {"votes": 0}, "votes is 0"),
        (Scripted(answer), {"workers": 0}, "workers is 0"),
        ({"model": "m", "modle": "n"}, {}, "'modle'.* Did you mean 'model'"),
    ],
)
def test_wrong_settings_are_refused(chat: Any, settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        ENGINES.make("llm", TASK, settings=settings, chat=chat)


# -- an engine for each order ------------------------------------------------------------------


def by_order(
    chat: ChatModel | None = None, default: str = "procedural", **own: dict[str, Any]
) -> DataEngine:
    engines = {"procedural": {}, "llm": {}, **own}
    return ENGINES.make(
        "by-order", TASK, settings={"engines": engines, "default": default}, chat=chat
    )


def test_each_order_goes_to_the_engine_it_names_and_others_to_the_default() -> None:
    """The data of one engine come together, that of the first order first."""
    engine = by_order(Scripted(answer))
    plan = Plan((Order("copy", 2), Order("copy", 1, engine="llm"), Order("next", 1)))
    data = generate(engine, plan)
    assert [(e.skill, e.provenance.teacher) for e in data if e.provenance] == [
        ("copy", "procedural"),
        ("copy", "procedural"),
        ("next", "procedural"),
        ("copy", "llm"),
    ]
    check_engine(engine, TASK)


def test_two_engines_of_one_kind_can_stand_side_by_side_with_chat_models_of_their_own() -> None:
    def cheap(messages: Messages, schema: Any, draw: int) -> str:
        return items({"problem": "copy: cheap", "answer": "cheap"})

    engine = by_order(Scripted(answer), cheap={"name": "llm", "chat": Scripted(cheap)})
    plan = Plan((Order("copy", 1, engine="cheap"), Order("copy", 1, engine="llm")))
    first, second = generate(engine, plan)
    assert first.target == "cheap" != second.target


def test_all_engines_are_paid_from_one_purse() -> None:
    ledger = Ledger(Budget())
    engine = ENGINES.make(
        "by-order",
        TASK,
        settings={"engines": {"a": {"name": "llm"}, "b": {"name": "llm"}}, "default": "a"},
        meter=ledger,
        chat=Scripted(answer),
    )
    generate(engine, Plan((Order("copy", 1), Order("copy", 1, engine="b"))))
    assert ledger.spent.teacher_calls == 2


def test_an_order_for_an_engine_that_is_not_there_is_refused_before_anything_is_made() -> None:
    asked: list[Messages] = []

    def listen(messages: Messages, schema: Any, draw: int) -> str:
        asked.append(messages)
        return answer(messages, schema, draw)

    engine = by_order(Scripted(listen))
    plan = Plan((Order("copy", 1, engine="llm"), Order("copy", 1, engine="pol")))
    with pytest.raises(ConfigError, match="unknown engine 'pol' of an order"):
        generate(engine, plan)
    assert not asked


def test_a_default_that_is_not_there_is_refused() -> None:
    with pytest.raises(ConfigError, match="unknown default engine 'pool'"):
        by_order(Scripted(answer), default="pool")


def test_wrong_settings_of_one_engine_are_named() -> None:
    with pytest.raises(ConfigError, match=r"engine 'procedural' has no settings; 'speed'"):
        by_order(Scripted(answer), procedural={"speed": 2})
