"""The gate vetoes what must not enter training, says why, and alters nothing."""

from __future__ import annotations

from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from teachgym.errors import ConfigError, ConformanceError
from teachgym.gate import REASONS, Gate, GateSettings, normalise
from teachgym.gate.held_out import HeldOut
from teachgym.protocols import Task
from teachgym.testing import ToyTask
from teachgym.types import Aid, Example, Split, Turn

TASK = ToyTask()
GOOD = TASK.examples("train")[0]
HELD_OUT = (*TASK.examples("val"), *TASK.examples("test"))


def verdicts(*examples: Example, **settings: Any) -> list[tuple[str, str]]:
    """Reason and detail of each rejected example."""
    result = Gate(TASK, GateSettings(**settings)).inspect(examples)
    return [(v.reason, v.detail) for v in result.rejected]


def altered(**values: Any) -> Example:
    return Example(**{"prompt": "copy: new", "target": "new", "skill": "copy", **values})


def test_a_good_example_passes_unaltered() -> None:
    result = Gate(TASK).inspect([GOOD])
    assert result.accepted == (GOOD,)
    assert result.accepted[0] is GOOD
    assert result.rejected == ()
    assert result.counts == dict.fromkeys(REASONS, 0)


@pytest.mark.parametrize(
    ("example", "detail"),
    [
        (altered(prompt=""), "prompt is ''; it must be a text that is not empty"),
        (altered(target=" \n"), "target is"),
        (altered(target=7), "target is 7"),
        (altered(prompt="copy: a\x00b"), r"prompt has '\x00'"),
        (altered(target="\x1b[0m"), r"target has '\x1b'"),
        (altered(prompt="copy: \ud800"), r"prompt has '\ud800'"),
        (altered(skill="words"), "unknown leaf skill 'words'"),
        (altered(skill="copi"), "Did you mean 'copy'?"),
        (altered(rejected=""), "rejected is ''; it must be a text that is not empty"),
        (altered(rejected="a\x07"), r"rejected has '\x07'"),
        (altered(difficulty=1.5), "difficulty is 1.5; it must be in [0, 1] or None"),
        (altered(difficulty=float("nan")), "difficulty is nan"),
        (altered(soft_labels=(("new", 0.9),)), "its probabilities must sum to 1"),
        (altered(images=("cat.png",)), "64 hex digits"),
        (altered(turns=("no",)), "a tuple of Turn"),
        (altered(turns=(Turn("\ud800", "no"),)), "surrogate"),
    ],
)
def test_bad_format_is_rejected(example: Example, detail: str) -> None:
    [(reason, found)] = verdicts(example)
    assert reason == "format"
    assert detail in found


def test_tabs_and_newlines_are_allowed() -> None:
    assert verdicts(altered(prompt="copy:\n\ta", target="a\n"), verify=False) == []


def test_texts_over_the_limit_are_rejected_and_texts_at_the_limit_are_not() -> None:
    """The prompt has 9 characters and the target 3."""
    assert verdicts(altered(), max_prompt_chars=9, max_target_chars=3) == []
    assert verdicts(altered(), max_prompt_chars=8) == [
        ("length", "prompt has 9 characters; at most 8 are allowed")
    ]
    assert verdicts(altered(), max_target_chars=2)[0][0] == "length"
    assert verdicts(altered(rejected="news"), max_target_chars=3) == [
        ("length", "rejected has 4 characters; at most 3 are allowed")
    ]


@pytest.mark.parametrize("example", [TASK.examples("val")[0], TASK.examples("test")[0]])
def test_prompts_of_val_and_test_are_rejected_whatever_their_spacing(example: Example) -> None:
    spaced = altered(prompt=f"  {example.prompt.replace(' ', '   ')}\n")
    assert [reason for reason, _ in verdicts(spaced)] == ["overlap"]
    assert [reason for reason, _ in verdicts(spaced, duplicates="allow")] == ["overlap"]


def test_duplicates_in_the_batch_and_of_earlier_data_are_rejected() -> None:
    first, twin = altered(), altered(prompt="copy:  new", target=" new")
    other = altered(prompt="copy: old", target="old")
    result = Gate(TASK).inspect([first, twin, other, GOOD], seen={normalise(GOOD.prompt)})
    assert result.accepted == (first, other)
    assert [v.example for v in result.rejected] == [twin, GOOD]
    assert result.counts["duplicate"] == 2


def test_duplicates_pass_where_they_are_allowed() -> None:
    gate = Gate(TASK, GateSettings(duplicates="allow"))
    assert gate.inspect([GOOD, GOOD], seen={normalise(GOOD.prompt)}).accepted == (GOOD, GOOD)


def test_a_rejected_example_does_not_make_its_twin_a_duplicate() -> None:
    result = Gate(TASK).inspect([altered(target=""), altered()])
    assert [v.reason for v in result.rejected] == ["format"]
    assert result.accepted == (altered(),)


def test_the_first_examples_are_accepted_up_to_the_limit() -> None:
    batch = TASK.examples("train")[:5]
    result = Gate(TASK).inspect(batch, limit=2)
    assert result.accepted == tuple(batch[:2])
    assert result.counts == {**dict.fromkeys(REASONS, 0), "budget": 3}


def test_a_bad_example_is_rejected_for_what_is_wrong_with_it_when_the_limit_is_reached() -> None:
    result = Gate(TASK).inspect([altered(target="")], limit=0)
    assert [v.reason for v in result.rejected] == ["format"]


@pytest.mark.parametrize(
    "settings",
    [
        {"max_prompt_chars": 0},
        {"max_target_chars": -1},
        {"duplicates": "maybe"},
        {"near_similarity": 0.05},
        {"near_similarity": 1.01},
        {"near_similarity": float("nan")},
        {"ngram": 1},
        {"common_ngram": 0},
        {"verify": "no"},
        {"known": "maybe"},
    ],
)
def test_bad_settings_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=next(iter(settings))):
        GateSettings(**settings)


batches = st.lists(
    st.sampled_from([*HELD_OUT[:5], *TASK.examples("train")[:5]])
    | st.builds(
        Example,
        prompt=st.text(max_size=5),
        target=st.text(max_size=2),
        skill=st.sampled_from(["copy", "words"]),
        difficulty=st.none() | st.floats(-1, 2),
    ),
    max_size=20,
)


@given(batch=batches, limit=st.none() | st.integers(0, 10), allow=st.booleans())
def test_every_batch_is_divided_in_order(
    batch: list[Example], limit: int | None, allow: bool
) -> None:
    gate = Gate(TASK, GateSettings(duplicates="allow" if allow else "reject"))
    result = gate.inspect(batch, limit=limit)
    accepted, rejected = list(result.accepted), [v.example for v in result.rejected]
    assert sum(result.counts.values()) == len(rejected)
    for example in batch:
        (accepted if accepted and accepted[0] is example else rejected).pop(0)
    assert accepted == rejected == []
    assert limit is None or len(result.accepted) <= limit
    assert not {e.prompt for e in result.accepted} & {e.prompt for e in HELD_OUT}
    if not allow:
        assert len({normalise(e.prompt) for e in result.accepted}) == len(result.accepted)


def test_a_check_that_was_asked_for_names_its_reason_and_comes_last() -> None:
    """The prompt "copy: zq" holds its target; the empty target fails a check of every gate."""
    gate = Gate(ToyTask(), checks=("hides-target",))
    copied, reversed_ = Example("copy: zq", "zq", "copy"), Example("reverse: zq", "qz", "reverse")
    result = gate.inspect((copied, reversed_, Example("copy: zq", "", "copy")))
    assert result.accepted == (reversed_,)
    assert [v.reason for v in result.rejected] == ["hides-target", "format"]
    assert result.counts["hides-target"] == 1
    assert "gives it away" in result.rejected[0].detail


def test_checks_that_were_asked_for_do_not_look_at_aids() -> None:
    """An aid is no example: it has no target that could stand in it."""
    gate = Gate(ToyTask(), checks=("hides-target", lambda example: "never"))
    assert gate.inspect_aid(Aid("A well-known way - letter by letter.")) is None
    verdict = gate.inspect_aid(Aid(HELD_OUT[0].prompt))
    assert verdict is not None
    assert verdict.reason == "overlap"


def test_a_check_that_says_nothing_readable_is_a_mistake_of_its_author() -> None:
    gate = Gate(ToyTask(), checks=(lambda example: True,))
    with pytest.raises(ConformanceError, match="gives True; it must say what is wrong"):
        gate.inspect((Example("copy: zq", "zq", "copy"),))


def test_what_is_held_out_of_a_task_is_read_once() -> None:
    class Slotted:
        __slots__ = ("inner",)

        def __init__(self) -> None:
            self.inner = ToyTask()

        def examples(self, split: Split) -> Any:
            return self.inner.examples(split)

    task, slotted = ToyTask(), cast(Task, Slotted())
    assert HeldOut.of(task) is HeldOut.of(task)
    assert HeldOut.of(task) is not HeldOut.of(ToyTask())
    assert HeldOut.of(slotted) is not HeldOut.of(slotted)
