"""Which packages teachgym needs, and which versions of them will do."""

from __future__ import annotations

from importlib import metadata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.requirements import Requirement

from teachgym.cli.requirements import declared, fault_of, of_extra, require_versions, required
from teachgym.errors import VersionError

numbers = st.tuples(*[st.integers(0, 30)] * 3)


@given(numbers, numbers)
def test_a_version_is_right_from_the_lower_bound_on(
    bound: tuple[int, ...], version: tuple[int, ...]
) -> None:
    texts = [".".join(map(str, parts)) for parts in (bound, version)]
    assert (fault_of(Requirement(f"x>={texts[0]}"), texts[1]) == "") == (version >= bound)


@pytest.mark.parametrize(
    ("version", "fault"),
    [
        ("2.9.0", ""),
        ("2.9.0a0+34c6371d24.nv25.08", ""),
        ("2.10.0.dev20251101+cu130", ""),
        ("2.8.9", "2.8.9; teachgym needs >=2.9"),
        ("2.8.9.dev1", "2.8.9.dev1; teachgym needs >=2.9"),
        (None, "not installed; teachgym needs >=2.9"),
    ],
)
def test_a_pre_release_counts_as_its_release(version: str | None, fault: str) -> None:
    assert fault_of(Requirement("torch>=2.9"), version) == fault


def test_a_package_without_bounds_needs_only_to_be_there() -> None:
    assert fault_of(Requirement("x"), "0.1") == ""
    assert fault_of(Requirement("x"), None) == "not installed; teachgym needs any version"


def test_required_packages_and_those_of_an_extra_are_strangers() -> None:
    needed = {requirement.name for requirement in required(declared())}
    assert needed
    assert needed.isdisjoint(r.name for r in of_extra(declared(), "llm-local"))
    assert {r.name for r in of_extra(declared(), "llm-local")} >= {"openai", "llguidance"}


def test_the_first_package_that_will_not_do_is_named_with_its_remedy(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    require_versions()
    real = metadata.version
    old = {"torch": "2.8.1"}
    monkeypatch.setattr(metadata, "version", lambda name: old.get(name) or real(name))
    with pytest.raises(VersionError) as caught:
        require_versions()
    assert str(caught.value) == "torch is 2.8.1; teachgym needs >=2.9: pip install 'torch>=2.9'"
