"""The page of architectures: complete, and what its generator finds."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from teachgym.benchmarks.models.architectures import (
    VERDICTS,
    Verdict,
    judge,
    judge_all,
    kinds,
    page,
)

PAGE = Path(__file__).parents[3] / "docs" / "architectures.md"
ROW = re.compile(r"^\| (?P<kind>\S+) \| (?P<verdict>[a-z ]+) \| (?P<reason>.*?) ?\|$", re.M)


def recorded() -> dict[str, Verdict]:
    found = (Verdict(**match.groupdict()) for match in ROW.finditer(PAGE.read_text()))
    return {verdict.kind: verdict for verdict in found if verdict.verdict in VERDICTS}


def test_the_page_is_what_its_generator_writes() -> None:
    """But for the versions it names."""
    text, verdicts = PAGE.read_text(), list(recorded().values())
    versions = re.compile(r"^[\d.]+ and torch [\d.]+$", re.M)
    assert versions.sub("", page(verdicts)) == versions.sub("", text)
    assert len(verdicts) > 150


@pytest.mark.sweep(2)
@pytest.mark.parametrize(
    ("kind", "verdict"),
    [("llama", "local"), ("gemma2", "local"), ("lfm2", "hf"), ("bert", "refused")],
)
def test_a_handful_is_judged_as_the_page_says(kind: str, verdict: str) -> None:
    assert judge(kind).verdict == recorded()[kind].verdict == verdict


@pytest.mark.slow
def test_every_architecture_is_judged_as_the_page_says() -> None:
    """None that the page knows may fall, and none may die of an error of another's code."""
    known = recorded()
    found = {v.kind: v for v in judge_all(kinds())}
    assert not [v for v in found.values() if v.reason.startswith("RAW")]
    assert {k: found[k].verdict for k in known.keys() & found.keys()} == {
        k: known[k].verdict for k in known.keys() & found.keys()
    }
