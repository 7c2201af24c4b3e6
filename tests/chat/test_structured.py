"""Questions are paid in order; what is wrong with a reply costs no more than it must."""

from __future__ import annotations

import json
import random
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from teachgym.chat.cache import NotRecordedError, Recorded
from teachgym.chat.structured import ChatRequest, StructuredChat
from teachgym.errors import ChatError, ConfigError
from teachgym.ledger import Ledger
from teachgym.protocols import ChatModel
from teachgym.types import Budget, Completion, Cost, Incident, Messages, Schema


class Word(BaseModel):
    """An item."""

    word: str


class Model:
    """A chat model whose answers are a function of the last message and the draw.

    An answer is a text, a completion, or an error to be raised.
    """

    name = "model"

    def __init__(self, answer: Callable[[str, int], Any], *, nap: float = 0.0) -> None:
        self.answer, self.nap = answer, nap
        self.asked: list[Messages] = []
        self.schemas: list[Mapping[str, Any] | None] = []
        self.in_flight = self.most_in_flight = 0
        self._lock = threading.Lock()

    def complete(self, messages: Messages, schema: Schema = None, *, draw: int = 0) -> Completion:
        """Answer after a nap of random length."""
        with self._lock:
            self.asked.append(messages)
            self.schemas.append(schema)
            self.in_flight += 1
            self.most_in_flight = max(self.most_in_flight, self.in_flight)
        time.sleep(self.nap * random.random())
        with self._lock:
            self.in_flight -= 1
        answer = self.answer(messages[-1]["content"], draw)
        if isinstance(answer, BaseException):
            raise answer
        if isinstance(answer, Completion):
            return answer
        return Completion(answer, Cost(teacher_calls=1, dollars=0.25))


def question(text: str, draw: int = 0) -> ChatRequest:
    """A question of one message."""
    return ChatRequest(({"role": "user", "content": text},), draw)


def questions(count: int) -> list[ChatRequest]:
    """``count`` questions, numbered."""
    return [question(str(number)) for number in range(count)]


def reply(*words: str) -> str:
    """A flawless reply."""
    return json.dumps({"items": [{"word": word} for word in words]})


def words(answers: Sequence[tuple[Word, ...]]) -> list[list[str]]:
    """Plain texts."""
    return [[item.word for item in items] for items in answers]


def events(ledger: Ledger) -> list[str]:
    """Names of the incidents, in order."""
    return [incident.event for incident in ledger.incidents]


def echo(text: str, draw: int) -> str:
    """The question and the draw."""
    return reply(text, str(draw))


def test_answers_come_in_the_order_of_the_questions() -> None:
    both = threading.Barrier(2)  # The first answer waits for the second: two are in flight.

    def meet(text: str, draw: int) -> str:
        if text in "01":
            both.wait(timeout=60)
        return echo(text, draw)

    model = Model(meet, nap=0.005)
    asked = [question(str(n), draw=10 * n) for n in range(20)]
    assert words(StructuredChat(model, workers=4).ask(asked, Word)) == [
        [str(n), str(10 * n)] for n in range(20)
    ]
    assert model.most_in_flight <= 4


def test_every_call_brings_the_schema_of_the_items() -> None:
    model = Model(echo)
    StructuredChat(model).ask(questions(2), Word)
    assert model.schemas[0] == model.schemas[1]
    assert model.schemas[0] is not None
    assert model.schemas[0]["properties"]["items"]["items"]["required"] == ["word"]


def test_no_questions_are_no_calls() -> None:
    assert StructuredChat(Model(echo)).ask([], Word) == []


def test_calls_are_paid_until_nothing_is_left_and_the_rest_is_unpaid() -> None:
    """Two workers, 3 calls: question 3 may start when question 1 is paid, which makes 2 of 3.

    ChatRequest 4 wants question 2 paid: 3 of 3, so it is unpaid; question 3 was in flight: 4 calls.
    """
    ledger = Ledger(Budget(teacher_calls=3))
    answers = StructuredChat(Model(echo), ledger, workers=2).ask(questions(7), Word)
    assert words(answers) == [[str(n), "0"] if n < 4 else [] for n in range(7)]
    assert ledger.spent == Cost(teacher_calls=4, dollars=1.0)
    assert ledger.incidents == [Incident("unpaid", "nothing is left of: teacher_calls")] * 3


def test_an_empty_purse_pays_for_nothing() -> None:
    ledger = Ledger(Budget(dollars=1.0), Cost(dollars=1.0))
    model = Model(echo)
    assert StructuredChat(model, ledger).ask(questions(2), Word) == [(), ()]
    assert model.asked == []
    assert events(ledger) == ["unpaid", "unpaid"]


@given(st.integers(1, 5), st.integers(1, 12), st.integers(0, 15))
def test_what_is_paid_follows_from_the_numbers_alone(workers: int, cap: int, count: int) -> None:
    """ChatRequest i starts if fewer than ``cap`` calls are paid by then: i - workers + 1 are.

    So i < cap + workers - 1, whoever of the threads is faster.
    """
    ledger = Ledger(Budget(teacher_calls=cap))
    model = Model(echo, nap=0.001)
    answers = StructuredChat(model, ledger, workers=workers).ask(questions(count), Word)
    started = min(count, cap + workers - 1)
    assert len(model.asked) == ledger.spent.teacher_calls == started
    assert [bool(items) for items in answers] == [n < started for n in range(count)]
    assert ledger.spent.teacher_calls < cap + workers


def test_a_malformed_reply_is_asked_for_again_with_the_reason() -> None:
    model = Model(lambda text, draw: "no" if text == "1" else reply("fine"))
    ledger = Ledger(Budget())
    assert words(StructuredChat(model, ledger).ask(questions(3), Word)) == [["fine"]] * 3
    assert events(ledger) == ["reask"]
    assert ledger.spent.teacher_calls == 4
    first, answer, again = model.asked[-1]
    assert (first["content"], answer["role"], answer["content"]) == ("1", "assistant", "no")
    assert again["role"] == "user"
    assert "there is no JSON" in again["content"]
    assert '"required": ["word"]' in again["content"]


def test_attempts_are_bounded_and_the_last_one_is_noted() -> None:
    model = Model(lambda text, draw: "")
    ledger = Ledger(Budget())
    assert StructuredChat(model, ledger, attempts=3).ask(questions(1), Word) == [()]
    assert events(ledger) == ["reask", "reask", "malformed"]
    assert len(model.asked) == 3
    assert model.asked[1][1]["content"] == "(nothing)"


def test_asking_again_must_be_paid_too() -> None:
    """One call in flight at a time: the budget of 2 calls ends before the second round."""
    ledger = Ledger(Budget(teacher_calls=2))
    answers = StructuredChat(Model(lambda text, draw: "no"), ledger, workers=1).ask(
        questions(2), Word
    )
    assert answers == [(), ()]
    assert events(ledger) == ["reask", "reask", "unpaid", "unpaid"]


def test_an_empty_list_is_not_asked_for_again() -> None:
    model = Model(lambda text, draw: reply())
    assert StructuredChat(model).ask(questions(1), Word) == [()]
    assert len(model.asked) == 1


def test_a_bad_item_is_dropped_and_noted_and_the_others_are_kept() -> None:
    ledger = Ledger(Budget())
    model = Model(lambda text, draw: '{"items": [{"word": "a"}, {"word": 1}, {"word": "c"},]}')
    assert words(StructuredChat(model, ledger).ask(questions(1), Word)) == [["a", "c"]]
    assert events(ledger) == ["repaired", "bad-item"]


def test_a_cut_reply_gives_its_whole_items() -> None:
    ledger = Ledger(Budget())
    cut = Completion('{"items": [{"word": "a"}, {"wo', Cost(teacher_calls=1), cut=True)
    assert words(StructuredChat(Model(lambda *_: cut), ledger).ask(questions(1), Word)) == [["a"]]
    assert events(ledger) == ["cut", "repaired"]


def test_a_cut_reply_without_a_whole_item_is_asked_for_again_shorter() -> None:
    cut = Completion('{"items": [{"wo', Cost(teacher_calls=1), cut=True)
    model = Model(lambda text, draw: cut if text == "0" else reply("short"))
    assert words(StructuredChat(model).ask(questions(1), Word)) == [["short"]]
    assert "be shorter" in model.asked[-1][-1]["content"]


def test_incidents_of_the_chat_model_reach_the_purse_in_order() -> None:
    def answer(text: str, draw: int) -> Completion:
        return Completion(reply(text), Cost(), incidents=(Incident("retry", text),))

    ledger = Ledger(Budget())
    StructuredChat(Model(answer, nap=0.002), ledger, workers=3).ask(questions(6), Word)
    assert [incident.detail for incident in ledger.incidents] == list("012345")


def test_a_lost_call_costs_its_own_answer_only() -> None:
    model = Model(lambda text, draw: ChatError("gone") if text == "1" else reply(text))
    ledger = Ledger(Budget())
    assert words(StructuredChat(model, ledger).ask(questions(3), Word)) == [["0"], [], ["2"]]
    assert ledger.incidents == [Incident("lost", "gone")]


def test_if_no_call_gets_through_the_run_stops() -> None:
    ledger = Ledger(Budget())
    asker = StructuredChat(Model(lambda text, draw: ChatError(f"gone {text}")), ledger)
    with pytest.raises(ChatError, match="all 3 calls of model failed; the first: gone 0"):
        asker.ask(questions(3), Word)
    assert events(ledger) == ["lost"] * 3


def test_an_unreadable_answer_got_through_all_the_same() -> None:
    model = Model(lambda text, draw: "no" if text == "0" else ChatError("gone"))
    assert StructuredChat(model).ask(questions(2), Word) == [(), ()]


@pytest.mark.parametrize("error", [KeyboardInterrupt(), ZeroDivisionError("a bug")])
def test_what_is_not_expected_ends_all_and_leaves_no_threads(error: BaseException) -> None:
    """Two workers: question 2 fails, so at most question 3 has begun beside it."""
    before = set(threading.enumerate())
    model = Model(lambda text, draw: error if text == "2" else reply(text), nap=0.01)
    with pytest.raises(type(error)):
        StructuredChat(model, workers=2).ask(questions(50), Word)
    assert set(threading.enumerate()) <= before
    assert model.in_flight == 0
    assert len(model.asked) <= 4


def test_an_interruption_of_who_asks_leaves_no_threads_either() -> None:
    class Interrupted(Ledger):
        def record(self, cost: Cost) -> None:
            raise KeyboardInterrupt

    before = set(threading.enumerate())
    model = Model(echo, nap=0.01)
    with pytest.raises(KeyboardInterrupt):
        StructuredChat(model, Interrupted(Budget()), workers=2).ask(questions(50), Word)
    assert set(threading.enumerate()) <= before
    assert len(model.asked) == 2


def test_what_is_lived_again_from_a_record_is_the_same_without_a_model(tmp_path: Path) -> None:
    """Of 6 questions 1 is malformed for good (3 calls), 2 is lost, 3 is cut."""
    special = {"1": "no", "2": ChatError("gone"), "3": '{"items": [{"word": "a"}, {"wo'}

    def live(chat: ChatModel) -> tuple[list[list[str]], Ledger]:
        ledger = Ledger(Budget(teacher_calls=7))
        return words(StructuredChat(chat, ledger, workers=2).ask(questions(6), Word)), ledger

    again = "That could not be used"
    model = Model(
        lambda text, draw: "no" if again in text else special.get(text, reply(text)), nap=0.002
    )
    first, ledger = live(Recorded(model, tmp_path / "chat.sqlite"))
    assert first == [["0"], [], [], ["a"], ["4"], ["5"]]
    assert ledger.spent.teacher_calls == 7
    second, same = live(Recorded(Model(lambda *_: 1 / 0), tmp_path / "chat.sqlite", "replay"))
    assert (second, same.spent, same.incidents) == (first, ledger.spent, ledger.incidents)


def test_an_answer_that_is_not_in_the_record_stops_the_replay(tmp_path: Path) -> None:
    path = tmp_path / "chat.sqlite"
    StructuredChat(Recorded(Model(echo), path)).ask(questions(2), Word)
    with pytest.raises(NotRecordedError):
        StructuredChat(Recorded(Model(echo), path, "replay")).ask(questions(3), Word)


def test_a_run_that_stopped_because_nothing_answered_asks_anew(tmp_path: Path) -> None:
    path = tmp_path / "chat.sqlite"
    with pytest.raises(ChatError):
        StructuredChat(Recorded(Model(lambda *_: ChatError("gone")), path)).ask(questions(2), Word)
    assert words(StructuredChat(Recorded(Model(echo), path)).ask(questions(2), Word)) == [
        ["0", "0"],
        ["1", "0"],
    ]


def test_answers_that_were_not_needed_stay_lost_when_that_is_lived_again(tmp_path: Path) -> None:
    path = tmp_path / "chat.sqlite"
    for answer in (lambda *_: ChatError("gone"), echo):
        ledger = Ledger(Budget())
        asker = StructuredChat(Recorded(Model(answer), path), ledger)
        assert asker.ask(questions(2), Word, needed=False) == []
        assert ledger.incidents == [Incident("lost", "gone")] * 2


def test_what_is_not_recorded_is_an_error_even_if_it_is_not_needed(tmp_path: Path) -> None:
    path = tmp_path / "chat.sqlite"
    StructuredChat(Recorded(Model(echo), path)).ask(questions(1), Word)
    with pytest.raises(NotRecordedError):
        StructuredChat(Recorded(Model(echo), path, "replay")).ask(
            [question("other")], Word, needed=False
        )


@pytest.mark.parametrize("name", ["workers", "attempts"])
def test_numbers_below_one_are_refused(name: str) -> None:
    numbers: dict[str, Any] = {name: 0}
    with pytest.raises(ConfigError, match=f"{name} is 0; it must be 1 or more"):
        StructuredChat(Model(echo), **numbers)
