"""``teachgym doctor``: what is found, and what is said to do about it."""

from __future__ import annotations

from pathlib import Path

import pytest
from packaging.requirements import Requirement
from typer.testing import CliRunner

from teachgym.cli import app, doctor
from teachgym.cli.doctor import extras, required_packages
from teachgym.cli.requirements import declared, required

REQUIREMENTS = [
    Requirement(text)
    for text in (
        "numpy>=1.26",
        "torch>=2.9",
        "openai>=2; extra == 'llm'",
        "tenacity>=9; extra == 'llm'",
        "teachgym[llm]; extra == 'llm-local'",
        "llguidance>=1.3; extra == 'llm-local'",
        "pytest; extra == 'dev'",
        "winonly>=1; sys_platform == 'win32' and extra == 'llm'",
    )
]


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Packages that are there, to be changed by tests."""
    there = {"numpy": "2.4.6", "torch": "2.13.0", "openai": "3.0", "tenacity": "9.2.1"}
    monkeypatch.setattr(doctor, "installed", there.get)
    return there


def test_each_required_package_has_a_line_with_its_version_and_the_one_needed(
    installed: dict[str, str],
) -> None:
    assert [(f.what, f.found, f.state) for f in required_packages(REQUIREMENTS)] == [
        ("numpy", "2.4.6 (needs >=1.26)", "ok"),
        ("torch", "2.13.0 (needs >=2.9)", "ok"),
    ]
    installed["torch"] = "2.8.0"
    del installed["numpy"]
    assert [(f.found, f.state, f.advice) for f in required_packages(REQUIREMENTS)] == [
        ("not installed; teachgym needs >=1.26", "wrong", "pip install 'numpy>=1.26'"),
        ("2.8.0; teachgym needs >=2.9", "wrong", "pip install 'torch>=2.9'"),
    ]


def test_every_package_that_teachgym_itself_requires_is_shown() -> None:
    names = {requirement.name for requirement in required(declared())}
    assert {"torch", "transformers", "gymnasium", "numpy"} <= names
    assert {finding.what for finding in required_packages(declared())} == names


def test_an_extra_takes_what_the_extras_in_it_take(installed: dict[str, str]) -> None:
    llm, local = extras(REQUIREMENTS, ["llm", "dev", "llm-local"])
    assert (llm.state, llm.found) == ("ok", "openai 3.0, tenacity 9.2.1")
    assert (local.state, local.found) == (
        "absent",
        "llguidance not installed; teachgym needs >=1.3",
    )
    assert local.advice == "pip install 'teachgym[llm-local]'"
    del installed["openai"]
    assert [f.state for f in extras(REQUIREMENTS, ["llm", "llm-local"])] == ["absent", "absent"]


def test_a_folder_that_cannot_be_written_to_is_wrong(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert doctor._writable("cache", tmp_path / "not" / "yet").state == "ok"

    def refuse(path: Path) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(doctor, "check_writable", refuse)
    found = doctor._writable("cache", tmp_path / "not" / "yet")
    assert (found.state, found.advice) == ("wrong", "set TEACHGYM_CACHE to another folder")


def test_no_key_is_ever_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-something-secret")
    outcome = CliRunner(env={"COLUMNS": "200"}).invoke(app, ["doctor"])
    assert "secret" not in outcome.output
    lines = [line.split()[:2] for line in outcome.output.splitlines()]
    assert ["ok", "OPENAI_API_KEY"] in lines
    assert {state for state, *_ in lines} <= {"ok", "absent", "wrong"}


def test_what_is_wrong_shows_in_the_exit_code(monkeypatch: pytest.MonkeyPatch) -> None:
    broken = doctor.Finding("numpy", "not installed", "wrong", "pip install numpy")
    monkeypatch.setattr(doctor, "examine", lambda: iter([broken]))
    outcome = CliRunner().invoke(app, ["doctor"])
    assert outcome.exit_code == 1
    assert outcome.output == "wrong   numpy                   not installed; pip install numpy\n"
