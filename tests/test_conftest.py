"""What ``conftest.py`` does for all tests."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.conftest import pytest_collection_modifyitems


@dataclass
class Case:
    """As much of a ``pytest.Item`` as is looked at."""

    nodeid: str
    sweep: int = 0
    marks: list[str] = field(default_factory=list)

    def get_closest_marker(self, name: str) -> Any:
        return pytest.mark.sweep(self.sweep).mark if name == "sweep" and self.sweep else None

    def add_marker(self, name: str) -> None:
        self.marks.append(name)


def slow_of(cases: list[Case]) -> list[str]:
    pytest_collection_modifyitems(cases)  # type: ignore[arg-type]
    return sorted(case.nodeid for case in cases if case.marks == ["slow"])


def test_a_sweep_has_few_fast_cases_whatever_their_order_and_other_tests_keep_all() -> None:
    cases = [Case(f"test_it.py::test_swept[{name}]", 2) for name in "abcde"]
    cases += [Case(f"test_it.py::test_plain[{name}]") for name in "abc"]
    random.Random(0).shuffle(cases)
    assert slow_of(cases) == [f"test_it.py::test_swept[{name}]" for name in "bde"]


def test_a_case_that_is_asked_for_alone_and_a_sweep_of_fewer_cases_are_fast() -> None:
    assert slow_of([Case("test_it.py::test_swept[d]", 2)]) == []
    assert slow_of([Case(f"test_it.py::test_swept[{name}]", 4) for name in "abc"]) == []
