"""Discovery by a chat model: its three stages, and what a faulty model can and cannot spoil."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from teachgym.chat.cache import Recorded
from teachgym.chat.scripted import Scripted
from teachgym.errors import BudgetError, ChatError, ConfigError, EpisodeError
from teachgym.ledger import Ledger
from teachgym.skills.discovery import METHODS, discover_skills
from teachgym.skills.llm_discovery import LLMDiscovery
from teachgym.testing import ToyTask
from teachgym.types import Budget, Example, Messages
from tests.skills.by_prompt import ByPrompt, listed, numbered, problems, reply

TASK = ToyTask()
VAL = TASK.examples("val")
ROOT = {"copy": "words", "reverse": "words", "next": "numbers", "double": "numbers"}
Rule = Callable[[Messages, int], str]


def _label(messages: Messages, draw: int) -> str:
    return numbered([f"{text.partition(':')[0]}_It" for text in problems(messages)])


def _aggregate(messages: Messages, draw: int) -> str:
    names = listed(messages)
    groups = {
        root: [n for n in names if ROOT[n.split()[0]] == root] for root in ("words", "numbers")
    }
    return reply(
        [{"name": root, "description": f"All {root}.", "members": m} for root, m in groups.items()]
    )


def _classify(messages: Messages, draw: int) -> str:
    return numbered([ROOT[text.partition(":")[0]] for text in problems(messages)])


def _model(**rules: Rule) -> ByPrompt:
    return ByPrompt({"label": _label, "aggregate": _aggregate, "classify": _classify, **rules})


def _events(ledger: Ledger) -> Counter[str]:
    return Counter(incident.event for incident in ledger.incidents)


def _right(found: LLMDiscovery) -> bool:
    return all(found.assign(e) == ROOT[e.skill] for e in VAL)


def test_labels_are_grouped_and_examples_follow_their_labels() -> None:
    """40 examples, 7 to a question: 6 label questions, 1 to group, none to classify."""
    model = _model()
    found = LLMDiscovery(TASK, chat=model.chat(), skills=2, per_question=7)
    skills = found.discover(VAL)
    assert [(s.name, s.description) for s in skills] == [
        ("words", "All words."),
        ("numbers", "All numbers."),
    ]
    assert _right(found)
    assert Counter(model.asked) == {"label": 6, "aggregate": 1}
    assert set(found.labels.values()) == {f"{name} it" for name in ROOT}


def test_the_file_keeps_the_labels_and_another_number_of_skills_asks_for_none_again() -> None:
    first = discover_skills(
        METHODS.make("llm", settings={"skills": 2}, task=TASK, chat=_model().chat()),
        TASK,
        method="llm",
    )
    assert len(first.labels) == len(VAL)
    model = _model(aggregate=lambda m, d: reply([_group("all", listed(m))]))
    again = METHODS.make(
        "llm", settings={"skills": 1, "labels": first.labels}, task=TASK, chat=model.chat()
    )
    assert discover_skills(again, TASK, method="llm").counts == {"all": 40}
    assert model.asked == ["aggregate"]


def _group(name: str, members: list[str]) -> dict[str, object]:
    return {"name": name, "description": "", "members": members}


def test_names_that_no_group_lists_are_classified_one_by_one() -> None:
    def forgets_copies(messages: Messages, draw: int) -> str:
        return reply(
            [
                _group("words", ["REVERSE-it"]),
                _group("numbers", ["next it", "double it", "made up"]),
            ]
        )

    model = _model(aggregate=forgets_copies)
    found = LLMDiscovery(TASK, chat=model.chat(), skills=2)
    found.discover(VAL)
    assert _right(found)
    # 10 copies, 10 to a question.
    assert Counter(model.asked) == {"label": 4, "aggregate": 1, "classify": 1}


def test_what_stays_unassigned_goes_to_other_and_is_counted() -> None:
    ledger = Ledger(Budget())

    def half(messages: Messages, draw: int) -> str:
        return reply([_group("words", ["copy it", "reverse it"]), _group("numbers", ["next it"])])

    model = _model(aggregate=half, classify=lambda m, d: numbered(["nonsense"] * len(problems(m))))
    found = LLMDiscovery(TASK, chat=model.chat(), meter=ledger, skills=2, rounds=3)
    assert [s.name for s in found.discover(VAL)] == ["words", "numbers", "other"]
    assert {found.assign(e) for e in VAL if e.skill == "double"} == {"other"}
    assert _events(ledger)["unassigned"] == 10
    assert Counter(model.asked)["classify"] == 3


def test_the_models_own_group_of_others_takes_what_stays_unassigned() -> None:
    """There would be two skills, ``Other`` and ``other``."""

    def group(messages: Messages, draw: int) -> str:
        names = [n for n in listed(messages) if not n.startswith("double")]
        own = {"name": "Other", "description": "The rest.", "members": names[:1]}
        return reply([{"name": "most", "description": "", "members": names[1:]}, own])

    model = _model(aggregate=group, classify=lambda messages, draw: numbered([]))
    found = LLMDiscovery(TASK, chat=model.chat())
    skills = found.discover(VAL)
    assert [(s.name, s.description) for s in skills] == [("most", ""), ("other", "The rest.")]
    assert {found.assign(e) for e in VAL if e.skill == "double"} == {"other"}


def test_missing_and_invalid_labels_are_asked_for_again_with_another_draw() -> None:
    draws = set()

    def patchy(messages: Messages, draw: int) -> str:
        """Answers for the first of several problems, with numbers that do not exist beside it."""
        draws.add(draw)
        name = problems(messages)[0].partition(":")[0]
        answers = {1: name, 99: name, 2: "!!!", 3: "x" * 61}
        return reply([{"number": n, "skill": skill} for n, skill in answers.items()])

    model = _model(label=patchy)
    found = LLMDiscovery(TASK, chat=model.chat(), skills=2, per_question=2, rounds=2, draw=5)
    found.discover(VAL)
    # 20 of 40 in the first round, 10 of the other 20 in the second: 20 + 10 questions.
    assert Counter(model.asked)["label"] == 30
    assert len(found.labels) == 30
    assert draws == {5, 6}
    assert _right(found)


def test_a_wrong_number_of_skills_is_asked_for_again_with_the_reason() -> None:
    def first_one(messages: Messages, draw: int) -> str:
        if "could not be used: it had 1 skills" in messages[-1]["content"]:
            return _aggregate(messages, draw)
        return reply([_group("all", listed(messages)), _group("ALL!", [])])

    ledger, model = Ledger(Budget()), _model(aggregate=first_one)
    found = LLMDiscovery(TASK, chat=model.chat(), meter=ledger, skills=2)
    assert len(found.discover(VAL)) == 2
    assert model.asked.count("aggregate") == 2
    assert not _events(ledger)


def test_too_many_skills_become_the_largest_and_that_is_said() -> None:
    """Three groups for two; "doubles" has 10 of 40 examples and so has "nexts", which is first."""

    def three(messages: Messages, draw: int) -> str:
        groups = {
            "nexts": ["next it"],
            "words": ["copy it", "reverse it"],
            "doubles": ["double it"],
        }
        return reply([_group(name, members) for name, members in groups.items()])

    def fewer(messages: Messages, draw: int) -> str:
        root = {**ROOT, "next": "nexts", "double": "nexts"}
        return numbered([root[text.partition(":")[0]] for text in problems(messages)])

    ledger, model = Ledger(Budget()), _model(aggregate=three, classify=fewer)
    found = LLMDiscovery(TASK, chat=model.chat(), meter=ledger, skills=2, rounds=2)
    assert [s.name for s in found.discover(VAL)] == ["nexts", "words"]
    assert {found.assign(e) for e in VAL if e.skill == "double"} == {"nexts"}
    assert _events(ledger) == {"skills-dropped": 1}
    assert model.asked.count("aggregate") == 2


def test_too_few_skills_are_kept_and_that_is_said() -> None:
    ledger = Ledger(Budget())
    found = LLMDiscovery(TASK, chat=_model().chat(), meter=ledger, skills=5)
    assert len(found.discover(VAL)) == 2
    assert _events(ledger) == {"skills-missing": 1}


def test_skills_are_kept_though_the_question_for_others_is_lost() -> None:
    groups = iter([_aggregate])

    def once(messages: Messages, draw: int) -> str:
        if (rule := next(groups, None)) is None:
            raise ChatError("gone")
        return rule(messages, draw)

    ledger = Ledger(Budget())
    found = LLMDiscovery(TASK, chat=_model(aggregate=once).chat(), meter=ledger, skills=5)
    assert len(found.discover(VAL)) == 2
    assert _events(ledger) == {"skills-missing": 1, "lost": 2}


def test_a_model_that_says_nothing_usable_is_an_error() -> None:
    silent = _model(label=lambda m, d: reply([]))
    with pytest.raises(ChatError, match="0 of 40 examples have a label"):
        LLMDiscovery(TASK, chat=silent.chat()).discover(VAL)
    groupless = _model(aggregate=lambda m, d: "I would rather not.")
    with pytest.raises(ChatError, match="40 of 40 examples have a label"):
        LLMDiscovery(TASK, chat=groupless.chat()).discover(VAL)


def test_an_empty_purse_before_there_are_skills_is_an_error_that_names_it() -> None:
    model, ledger = _model(), Ledger(Budget(teacher_calls=3))
    found = LLMDiscovery(TASK, chat=model.chat(), meter=ledger, workers=1)
    with pytest.raises(BudgetError, match=r"30 of 40 .* nothing is left of teacher_calls"):
        found.discover(VAL)
    assert len(model.asked) == ledger.spent.teacher_calls == 3


def test_an_empty_purse_afterwards_leaves_the_rest_to_other() -> None:
    """4 label questions and 1 to group; the sixth call classifies 10 of the 20 words."""

    def numbers_only(messages: Messages, draw: int) -> str:
        return reply([_group("numbers", ["next it", "double it"]), _group("words", [])])

    ledger = Ledger(Budget(teacher_calls=6))
    found = LLMDiscovery(
        TASK,
        chat=_model(aggregate=numbers_only).chat(),
        meter=ledger,
        skills=2,
        workers=1,
    )
    found.discover(VAL)
    assert Counter(map(found.assign, VAL)) == {"numbers": 20, "words": 10, "other": 10}
    assert _events(ledger)["unassigned"] == 10


def test_a_discovery_that_was_stopped_asks_only_for_the_rest(tmp_path: Path) -> None:
    """40 examples, 4 to a question, one at a time: the model dies at the sixth of ten."""
    model, calls = _model(), 0

    def dies(messages: Messages, schema: object, draw: int) -> str:
        nonlocal calls
        calls += 1
        if calls == 6:
            raise KeyboardInterrupt
        return model.chat().complete(messages, draw=draw).text

    def discovery(chat: Scripted) -> LLMDiscovery:
        recorded = Recorded(chat, tmp_path / "chat.sqlite", "record")
        return LLMDiscovery(TASK, chat=recorded, skills=2, per_question=4, workers=1)

    with pytest.raises(KeyboardInterrupt):
        discovery(Scripted(dies)).discover(VAL)
    assert Counter(model.asked) == {"label": 5}
    found = discovery(model.chat())
    found.discover(VAL)
    assert Counter(model.asked) == {"label": 10, "aggregate": 1}
    assert _right(found)


def test_a_new_example_is_asked_about_once() -> None:
    model = _model()
    found = LLMDiscovery(TASK, chat=model.chat(), skills=2)
    with pytest.raises(EpisodeError, match=r"discover\(\)"):
        found.assign(VAL[0])
    found.discover(VAL)
    new = Example("double: 77", "154", "double", "new")
    assert found.assign(new) == found.assign(new) == "numbers"
    assert model.asked.count("classify") == 1


def test_a_problem_that_the_server_refuses_spoils_no_other() -> None:
    """One example to a question; the first is never labelled, but classified."""

    def refuses(messages: Messages, draw: int) -> str:
        if problems(messages) == [VAL[0].prompt]:
            raise ChatError("refused")
        return _label(messages, draw)

    ledger = Ledger(Budget())
    model = _model(label=refuses)
    found = LLMDiscovery(TASK, chat=model.chat(), meter=ledger, skills=2, per_question=1)
    found.discover(VAL)
    assert len(found.labels) == 39
    assert _right(found)
    assert _events(ledger) == {"lost": 3}


def test_made_examples_without_an_id_are_told_apart() -> None:
    found = LLMDiscovery(TASK, chat=_model().chat(), skills=2)
    found.discover(VAL)
    assert found.assign(Example("double: 77", "154", "double")) == "numbers"
    assert found.assign(Example("copy: ab", "ab", "copy")) == "words"


def test_equal_examples_ask_equal_questions_whoever_answers_first() -> None:
    one, other = _model(), _model()
    LLMDiscovery(TASK, chat=one.chat(), skills=2, workers=1).discover(VAL)
    LLMDiscovery(TASK, chat=other.chat(), skills=2, workers=8).discover(VAL)
    assert sorted(one.seen) == sorted(other.seen)


def test_no_text_of_other_splits_is_shown() -> None:
    model = _model()
    discover_skills(
        METHODS.make("llm", settings={"skills": 2}, task=TASK, chat=model.chat()),
        TASK,
        method="llm",
    )
    shown = "\n".join(model.seen)
    assert all(e.prompt in shown for e in VAL)
    for split in ("train", "test"):
        assert not any(e.prompt in shown for e in TASK.examples(split))  # type: ignore[arg-type]


def test_settings_out_of_range_are_refused() -> None:
    for settings in ({"skills": 0}, {"per_question": 0}, {"rounds": 0}, {"workers": 0}):
        with pytest.raises(ConfigError, match=next(iter(settings))):
            LLMDiscovery(TASK, chat=_model().chat(), **settings)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="none is given"):
        METHODS.make("llm", task=TASK)
