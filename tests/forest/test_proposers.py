"""Proposers: new names, however often and in whatever form old ones are proposed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from teachgym.errors import ChatError, ConfigError, UnknownNameError
from teachgym.forest import Forest, TaskProposer, explore
from teachgym.forest.moves import Proposer
from teachgym.forest.proposers import PROPOSERS, FixedProposer, unlike
from teachgym.ledger import Ledger
from teachgym.skills.names import identity
from teachgym.testing import ToyTask
from teachgym.types import Budget, Explore
from tests.skills.by_prompt import ByPrompt, reply

TASK = ToyTask()


def _rng() -> np.random.Generator:
    return np.random.default_rng(0)


def _proposer(*replies: Any, meter: Ledger | None = None) -> tuple[Proposer, ByPrompt]:
    """An LLM proposer whose model gives the replies in order: lists of names, or texts."""
    waiting = list(replies)

    def answer(*_: object) -> str:
        names = waiting.pop(0)
        return names if isinstance(names, str) else reply([{"name": name} for name in names])

    model = ByPrompt({"propose": answer})
    return PROPOSERS.make("llm", TASK, meter=meter, chat=model.chat()), model


def test_a_chat_model_proposes_new_names() -> None:
    proposer, model = _proposer(["palindromes", "first_letters "])
    assert proposer.propose("words", (), 2, _rng()) == ("palindromes", "first letters")
    prompt = model.seen[-1]
    assert "Name 2 new subskills" in prompt
    assert "Work on a word." in prompt


def test_names_that_are_known_in_any_form_are_refilled_once() -> None:
    """Known: "Word Ladders"; of the task: the other root and its leaves, and the root itself."""
    first = ["word-ladders", "WORDS", "double", "Vowels", "vowels!", "???"]
    proposer, model = _proposer(first, ["vowels", "Consonants", "rhymes"])
    found = proposer.propose("words", ("Word Ladders",), 3, _rng())
    assert found == ("Vowels", "Consonants", "rhymes")
    assert len(model.asked) == 2
    assert "Name 2 new subskills" in model.seen[-1]
    assert "Vowels\n" in model.seen[-1]


def test_no_more_than_two_questions_and_no_more_names_than_asked_for() -> None:
    proposer, model = _proposer(["vowels"], ["vowels"])
    assert proposer.propose("words", (), 2, _rng()) == ("vowels",)
    assert len(model.asked) == 2
    proposer, model = _proposer(["vowels", "rhymes", "anagrams"])
    assert proposer.propose("words", (), 2, _rng()) == ("vowels", "rhymes")
    assert len(model.asked) == 1
    assert proposer.propose("words", (), 0, _rng()) == ()


def test_the_roots_own_leaves_may_be_proposed() -> None:
    proposer, _ = _proposer(["copy", "reverse"])
    assert proposer.propose("words", (), 2, _rng()) == ("copy", "reverse")


def test_too_long_and_empty_names_are_dropped_and_counted() -> None:
    ledger = Ledger(Budget())
    proposer, _ = _proposer(["x" * 61, "", "y" * 60], [], meter=ledger)
    assert proposer.propose("words", (), 2, _rng()) == ("y" * 60,)
    assert [i.event for i in ledger.incidents] == ["bad-item", "bad-item"]
    assert ledger.spent.teacher_calls == 2


def test_a_subskill_can_have_subskills() -> None:
    proposer, model = _proposer(["vowel counts"])
    forest = explore(
        Forest.bare(["words"], 8),
        Explore("words", 1, 5),
        FixedProposer({"words": ["vowels"]}),
        _rng(),
    )
    forest = explore(forest, Explore("vowels", 1, 5), proposer, _rng())
    assert [(s.name, s.parent) for s in forest] == [("vowels", ""), ("vowel counts", "vowels")]
    assert "Examples of problems" not in model.seen[-1]


def test_a_spent_purse_or_an_unreadable_reply_gives_no_names_and_is_counted() -> None:
    spent = Ledger(Budget(teacher_calls=1))
    proposer, model = _proposer(["vowels"], meter=spent)
    assert proposer.propose("words", (), 1, _rng()) == ("vowels",)
    assert proposer.propose("words", ("vowels",), 1, _rng()) == ()
    assert len(model.asked) == 1
    assert {i.event for i in spent.incidents} == {"unpaid"}
    ledger = Ledger(Budget())
    proposer, model = _proposer(*["I would rather not."] * 6, meter=ledger)
    assert proposer.propose("words", (), 1, _rng()) == ()
    assert [i.event for i in ledger.incidents].count("malformed") == 2


def test_a_model_that_cannot_be_reached_stops_the_run() -> None:
    def refuse(*_: object) -> str:
        raise ChatError("nobody there")

    proposer = PROPOSERS.make("llm", TASK, chat=ByPrompt({"propose": refuse}).chat())
    with pytest.raises(ChatError, match="nobody there"):
        proposer.propose("words", (), 1, _rng())


def test_names_are_kept_though_the_question_for_more_is_lost() -> None:
    replies = iter([reply([{"name": "vowels"}])])

    def propose(*_: object) -> str:
        if (text := next(replies, None)) is None:
            raise ChatError("gone")
        return text

    ledger = Ledger(Budget())
    chat = ByPrompt({"propose": propose}).chat()
    proposer = PROPOSERS.make("llm", TASK, ledger, chat=chat)
    assert proposer.propose("words", (), 2, _rng()) == ("vowels",)
    assert [incident.event for incident in ledger.incidents] == ["lost"]


def test_a_prompt_shows_training_examples_of_the_root_and_no_others() -> None:
    proposer, model = _proposer(["vowels"])
    proposer.propose("words", (), 1, _rng())
    shown = model.seen[-1]
    train = [e for e in TASK.examples("train") if f"```\n{e.prompt}\n```" in shown]
    assert {e.skill for e in train} <= {"copy", "reverse"}
    assert len(train) == 3
    for split in ("val", "test"):
        assert not any(f"```\n{e.prompt}\n```" in shown for e in TASK.examples(split))  # type: ignore[arg-type]


def test_equal_generators_ask_equal_questions() -> None:
    one, other = _proposer(["vowels"]), _proposer(["vowels"])
    for proposer, _ in (one, other):
        proposer.propose("words", (), 1, _rng())
    assert one[1].seen == other[1].seen


def test_lists_are_proposed_in_their_order() -> None:
    proposer = PROPOSERS.make(
        "fixed", TASK, settings={"lists": {"words": ["b", "A!", "c"], "b": ["d"]}}
    )
    assert proposer.propose("words", (), 2, _rng()) == ("b", "A!")
    assert proposer.propose("words", ("b", "a"), 2, _rng()) == ("c",)
    assert proposer.propose("b", ("b",), 2, _rng()) == ("d",)
    assert proposer.propose("numbers", (), 2, _rng()) == ()


@given(st.lists(st.text(max_size=5)), st.lists(st.text(max_size=5)))
def test_new_names_are_unlike_each_other_and_all_known_ones(
    names: list[str], known: list[str]
) -> None:
    found = [identity(name) for name in unlike(names, known)]
    assert len(set(found)) == len(found)
    assert not {*found} & {"", *map(identity, known)}
    assert {*found} | {"", *map(identity, known)} >= {*map(identity, names)}


def test_the_default_proposer_knows_the_task() -> None:
    proposer = PROPOSERS.make("task", TASK, meter=Ledger(Budget()), chat={})
    assert proposer == TaskProposer({"words": ("copy", "reverse"), "numbers": ("next", "double")})


def test_names_and_settings_that_do_not_exist_are_refused() -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'fixed'"):
        PROPOSERS.make("fixt", TASK)
    with pytest.raises(ConfigError, match="lists"):
        PROPOSERS.make("fixed", TASK)
    with pytest.raises(ConfigError, match=r"unknown skill 'word'\. Did you mean 'words'"):
        PROPOSERS.make("fixed", TASK, settings={"lists": {"word": ["a"]}})
    with pytest.raises(ConfigError, match="asks a chat model and none is given"):
        PROPOSERS.make("llm", TASK)
    with pytest.raises(ConfigError, match="colour"):
        PROPOSERS.make("task", TASK, settings={"colour": "red"})
    with pytest.raises(ConfigError, match="shots is -1"):
        PROPOSERS.make("llm", TASK, settings={"shots": -1}, chat=ByPrompt({}).chat())
