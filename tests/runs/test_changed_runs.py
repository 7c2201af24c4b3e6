"""A run in whose folder one thing was changed is refused by name, or ends as if it had not been."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from random import Random
from shutil import copytree

import pytest

from teachgym.errors import TeachgymError
from teachgym.experiment import RunConfig, resume, run
from teachgym.types import Transition
from tests.runs.dying import Killed, contents, stop_clocks

CONFIG = RunConfig(
    env="teachgym/SkillTree-v0",
    teacher="random-tree",
    env_settings={
        "student": "simulated",
        "task_settings": {"val_per_cell": 1, "test_per_cell": 1, "train_per_cell": 1},
        "examples_per_step": 30,
        "budget": {"steps": 3},
    },
)
Change = Callable[[bytes, Random], bytes]


@pytest.fixture(autouse=True)
def _same_files_for_equal_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    stop_clocks(monkeypatch)
    monkeypatch.setattr("teachgym.runs.provenance.token_hex", lambda n: "0" * 2 * n)
    monkeypatch.setattr("teachgym.runs.provenance.commit", lambda: None)


def flip(content: bytes, rng: Random) -> bytes:
    place = rng.randrange(len(content))
    return content[:place] + bytes([content[place] ^ 1 << rng.randrange(8)]) + content[place + 1 :]


def drop_a_line(content: bytes, rng: Random) -> bytes:
    lines = content.splitlines(keepends=True)
    del lines[rng.randrange(len(lines))]
    return b"".join(lines)


def swap_lines(content: bytes, rng: Random) -> bytes:
    lines = content.splitlines(keepends=True)
    a, b = rng.randrange(len(lines)), rng.randrange(len(lines))
    lines[a], lines[b] = lines[b], lines[a]
    return b"".join(lines)


def repeat_a_line(content: bytes, rng: Random) -> bytes:
    lines = content.splitlines(keepends=True)
    place = rng.randrange(len(lines))
    return b"".join([*lines[:place], lines[place], *lines[place:]])


def truncate(content: bytes, rng: Random) -> bytes:
    return content[: rng.randrange(len(content))]


def extend(content: bytes, rng: Random) -> bytes:
    return content + rng.choice([b"{}\n", b'{"stage": "step"', b"\0" * 50, b"\n", content])


def other_digit(content: bytes, rng: Random) -> bytes:
    places = [place for place, byte in enumerate(content) if 48 <= byte < 57]
    if not places:
        return flip(content, rng)
    place = rng.choice(places)
    return content[:place] + bytes([content[place] + 1]) + content[place + 1 :]


def other_shape(content: bytes, rng: Random) -> bytes:
    return rng.choice([b"{}", b"[]", b"7\n", b"null", b'"x"', b"", b"{", b"\xff\xfe"])


CHANGES: list[Change] = [
    flip,
    drop_a_line,
    swap_lines,
    repeat_a_line,
    truncate,
    extend,
    other_digit,
    other_shape,
]


@pytest.fixture(scope="module")
def material(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, bytes]]:
    """A run that was stopped after its second step, and the files of one that was not."""
    folder = tmp_path_factory.mktemp("runs")

    def stop(step: int, transition: Transition) -> None:
        if step == 2:
            raise Killed

    with pytest.MonkeyPatch.context() as patch:
        stop_clocks(patch)
        patch.setattr("teachgym.runs.provenance.token_hex", lambda n: "0" * 2 * n)
        patch.setattr("teachgym.runs.provenance.commit", lambda: None)
        run(CONFIG, folder / "whole")
        with pytest.raises(Killed):
            run(CONFIG, folder / "stopped", observers=[stop])
    return folder / "stopped", contents(folder / "whole")


def attack(stopped: Path, whole: dict[str, bytes], folder: Path, name: str, rng: Random) -> str:
    """Change a file and resume; what is said if that is refused, else an empty text."""
    copytree(stopped, folder)
    path, change = folder / name, rng.choice(CHANGES)
    path.write_bytes(change(path.read_bytes() or b"\n", rng))
    before, said = contents(folder), ""
    try:
        resume(folder)
    except TeachgymError as error:
        said = str(error)
    if said:
        assert contents(folder) == before, "a run that is refused is left as it is"
        return said
    difference = {k for k in whole if contents(folder).get(k) != whole[k]}
    assert difference <= {name} & {"config.json"}, (change.__name__, name)
    return ""


def draw_attacks(
    material: tuple[Path, dict[str, bytes]], folder: Path, seeds: range
) -> dict[str, list[str]]:
    """What was said of each attack, by the file that was changed."""
    stopped, whole = material
    said: dict[str, list[str]] = {}
    for seed in seeds:
        for number, name in enumerate(sorted(contents(stopped))):
            message = attack(stopped, whole, folder / f"{seed}-{number}", name, Random(seed))
            said.setdefault(name, []).append(message)
    return said


def check(said: dict[str, list[str]]) -> None:
    """Refusals name the file; a file that is read is refused at least once."""
    for name, messages in said.items():
        refusals = [message for message in messages if message]
        # A journal that lost its last line is one whose snapshot is gone: nobody can tell.
        named = [Path(name).name.partition(".")[0].partition("_")[0]]
        named += ["state_001.json is missing"] if name == "journal.jsonl" else []
        assert [m for m in refusals if not any(one in m for one in named)] == []
        if not name.startswith("predictions/step_001"):
            assert refusals or name.endswith(("rejected.jsonl", "incidents.jsonl")), name


def test_whatever_is_changed_is_refused_or_does_not_matter(
    material: tuple[Path, dict[str, bytes]], tmp_path: Path
) -> None:
    check(draw_attacks(material, tmp_path, range(2)))


@pytest.mark.slow
def test_whatever_is_changed_is_refused_or_does_not_matter_often(
    material: tuple[Path, dict[str, bytes]], tmp_path: Path
) -> None:
    check(draw_attacks(material, tmp_path, range(100, 160)))
