"""Skill files: what is written is read again, and every mistake of an editor is named."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from teachgym.errors import ConfigError
from teachgym.skills.skill_file import SkillFile, read_skill_file, with_other, write_skill_file
from teachgym.types import Example, Skill

SKILLS = (Skill("sums", None, "Add."), Skill("words"), Skill("reverse", "words", "Backwards."))
FILE = SkillFile("toy-v0", "llm", SKILLS, {"b": "sums", "a": "reverse"}, {"a": "mirror writing"})


def _record() -> dict[str, Any]:
    return {
        "format": 1,
        "task": "toy-v0",
        "method": "human",
        "skills": [{"name": "sums"}, {"name": "words"}],
        "assignments": {"a": "sums"},
    }


def _read(tmp_path: Path, content: object) -> SkillFile:
    path = tmp_path / "skills.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return read_skill_file(path)


def test_what_is_written_is_read_again_with_assignments_in_the_order_of_ids(tmp_path: Path) -> None:
    path = tmp_path / "new" / "skills.json"
    write_skill_file(path, FILE)
    assert read_skill_file(path) == FILE
    lines = [line.strip() for line in path.read_text().splitlines()]
    assert lines.index('"a": "reverse",') + 1 == lines.index('"b": "sums"')
    assert list(path.parent.iterdir()) == [path]


def test_equal_files_have_equal_bytes_whatever_the_order_of_assignments(tmp_path: Path) -> None:
    turned = SkillFile("toy-v0", "llm", SKILLS, {"a": "reverse", "b": "sums"}, FILE.labels)
    for name, file in {"one": FILE, "other": turned}.items():
        write_skill_file(tmp_path / name, file)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "other").read_bytes()


@given(st.dictionaries(st.text(), st.sampled_from(["sums", "reverse"])))
def test_any_text_can_be_an_id(assignments: dict[str, str]) -> None:
    """Through JSON and back, without surrogates, which no file in UTF-8 can hold."""
    from tempfile import TemporaryDirectory

    file = SkillFile("toy-v0", "human", SKILLS, assignments)
    with TemporaryDirectory() as folder:
        write_skill_file(Path(folder) / "skills.json", file)
        assert read_skill_file(Path(folder) / "skills.json") == file


def test_people_may_leave_out_parents_descriptions_and_labels(tmp_path: Path) -> None:
    file = _read(tmp_path, _record())
    assert file.skills == (Skill("sums"), Skill("words"))
    assert file.labels == {}
    assert file.counts == {"sums": 1, "words": 0}
    assert file.skill_of(Example("1+1=", "2", "add", "a")) == "sums"
    assert file.skill_of(Example("1+2=", "3", "add", "b")) == "other"


def test_other_is_added_once() -> None:
    assert [s.name for s in with_other(with_other(FILE)).skills][-2:] == ["reverse", "other"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"assignments": {"a": "sum"}}, "unknown leaf skill 'sum'. Did you mean 'sums'"),
        ({"skills": [{"name": "sums"}, {"name": "sums"}]}, "'sums' is there 2 times"),
        ({"skills": [{"name": "sums", "parent": "numbers"}]}, "unknown skill 'numbers'"),
        ({"skills": [{"name": " "}]}, "a skill has no name"),
        ({"skills": [{"name": "sums", "parent": "sums"}]}, "its own ancestor"),
        (
            {"skills": [{"name": "sums"}, {"name": "b", "parent": "sums"}]},
            "example 'a': unknown leaf skill 'sums'",
        ),
        ({"skills": {"sums": {}}}, "skills is not a list"),
        ({"skills": ["sums"]}, "skill 1 is not a JSON object"),
        ({"skills": [{"parent": None}]}, "skill 1 has no 'name'"),
        ({"skills": [{"name": "sums", "descripton": ""}]}, "Did you mean 'description'"),
        ({"skills": [{"name": 3}]}, "the name of skill 1 is 3; it must be a text"),
        ({"assignments": ["a"]}, "assignments is not a JSON object"),
        ({"assignments": {"a": 1}}, "'a' in assignments is 1"),
        ({"format": 2}, "format is 2; this version reads format 1"),
        ({"assignment": {}}, "unknown key 'assignment'. Did you mean 'assignments'"),
    ],
)
def test_a_mistake_is_named_with_the_file(
    tmp_path: Path, change: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigError, match=r"skills\.json") as caught:
        _read(tmp_path, {**_record(), **change})
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"format": 1', "line 1"),
        ("[]", "the file is not a JSON object"),
        ('{"format": 1}', "has no 'task'"),
        ('{"format": 1, "format": 1}', "'format' is there 2 times"),
    ],
)
def test_text_that_is_no_skill_file_is_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        _read(tmp_path, text)
    assert message in str(caught.value)


def test_a_missing_file_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="teachgym discover"):
        read_skill_file(tmp_path / "nowhere.json")


def test_a_failed_write_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "skills.json"
    write_skill_file(path, FILE)

    def refuse(*_: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr("os.replace", refuse)
    with pytest.raises(OSError, match="disk full"):
        write_skill_file(path, SkillFile("toy-v0", "gold", SKILLS, {}))
    monkeypatch.undo()
    assert read_skill_file(path) == FILE
    assert list(tmp_path.iterdir()) == [path]
