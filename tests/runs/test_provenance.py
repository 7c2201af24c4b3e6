"""A run goes on with what it was begun with, or says with what else."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from teachgym.errors import ConfigError, RunError
from teachgym.experiment import RunConfig, read_result, resume, run
from teachgym.runs import Journal
from teachgym.tasks import make_task
from teachgym.types import Transition
from tests.example_files import write_examples
from tests.runs.dying import Killed, contents, stop_clocks

ITEMS = {"val_per_cell": 1, "test_per_cell": 1, "train_per_cell": 1}
CONFIG = RunConfig(
    env_settings={
        "student": "simulated",
        "task_settings": ITEMS,
        "examples_per_step": 30,
        "budget": {"steps": 2},
    },
)


@pytest.fixture(autouse=True)
def _same_files_for_equal_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    stop_clocks(monkeypatch)
    monkeypatch.setattr("teachgym.runs.provenance.token_hex", lambda n: "0" * 2 * n)
    monkeypatch.setattr("teachgym.runs.provenance.commit", lambda: "abc")


def stopped(folder: Path, config: RunConfig = CONFIG) -> Path:
    def stop(step: int, transition: Transition) -> None:
        raise Killed

    with pytest.raises(Killed):
        run(config, folder, observers=[stop])
    return folder


def other_torch(patch: pytest.MonkeyPatch, folder: Path) -> None:
    patch.setattr("teachgym.runs.provenance.versions", lambda: {"torch": "0.1"})


def other_commit(patch: pytest.MonkeyPatch, folder: Path) -> None:
    patch.setattr("teachgym.runs.provenance.commit", lambda: "def")


def other_written_versions(patch: pytest.MonkeyPatch, folder: Path) -> None:
    edit(folder, "versions", "numpy", "1.0")


def other_name(patch: pytest.MonkeyPatch, folder: Path) -> None:
    edit(folder, "config", "name", "another")


def other_seed(patch: pytest.MonkeyPatch, folder: Path) -> None:
    edit(folder, "config", "seed", 1)


def other_items(patch: pytest.MonkeyPatch, folder: Path) -> None:
    patch.setattr("teachgym.runs.provenance._digest_items", lambda task, split: split)


def edit(folder: Path, part: str, key: str, value: Any) -> None:
    path = folder / "config.json"
    record = json.loads(path.read_text())
    record[part][key] = value
    path.write_text(json.dumps(record))


CHANGES = [
    (other_torch, "versions", r"versions: torch: .* -> 0\.1"),
    (other_commit, "commit", "commit: commit: abc -> def"),
    (other_written_versions, "versions", r"versions: numpy: .* -> 1\.0"),
    (other_name, "config", r"config: config\.name: .* -> another"),
    (other_seed, "config", r"config: config\.seed: 0 -> 1"),
    (other_items, "data", r"data: items of test: [0-9a-f]{64} -> test"),
]


@pytest.mark.sweep(2)
@pytest.mark.parametrize(("change", "kind", "said"), CHANGES)
def test_a_difference_is_shown_and_refused_until_it_is_accepted_by_its_kind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: Any, kind: str, said: str
) -> None:
    folder = stopped(tmp_path / "run")
    change(monkeypatch, folder)
    before = contents(folder)
    others = {"config", "versions", "commit", "data"} - {kind}
    for accept in ((), others):
        with pytest.raises(RunError, match=rf"{said}\n(.*\n)*.*--accept {kind}"):
            resume(folder, accept=accept)
    assert contents(folder) == before
    result = resume(folder, accept=[kind])
    assert any(line.startswith(f"{kind}: ") for line in result.accepted)
    assert read_result(folder).accepted == result.accepted
    stages = [line["stage"] for line in Journal(folder / "journal.jsonl").lines]
    assert stages == ["started", "step", "resumed", "step", "exam", "finished"]


def test_what_was_accepted_once_need_not_be_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = stopped(tmp_path / "run")
    expected = asdict(run(CONFIG, tmp_path / "whole"))
    other_commit(monkeypatch, folder)

    def stop(step: int, transition: Transition) -> None:
        raise Killed

    with pytest.raises(Killed):
        resume(folder, accept=["commit"], observers=[stop])
    assert asdict(resume(folder)) == {**expected, "accepted": ("commit: commit: abc -> def",)}


def test_a_run_that_had_not_started_is_one_of_the_software_that_it_starts_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing was made with the old one, so that the record names the new one, and it alone."""
    with monkeypatch.context() as patch:
        patch.setattr("teachgym.runs.recorder._Recorder.start", _die)
        with pytest.raises(Killed):
            run(CONFIG, tmp_path / "run")
    other_torch(monkeypatch, tmp_path)
    with pytest.raises(RunError, match="--accept versions"):
        resume(tmp_path / "run")
    assert resume(tmp_path / "run", accept=["versions"]).accepted == ()
    for record in (
        json.loads((tmp_path / "run/config.json").read_text()),
        Journal(tmp_path / "run/journal.jsonl").started["run"],
    ):
        assert record["versions"] == {"torch": "0.1"}


def _die(*_: object, **__: object) -> None:
    raise Killed


def test_a_kind_that_there_is_not_is_named(tmp_path: Path) -> None:
    folder = stopped(tmp_path / "run")
    with pytest.raises(ConfigError, match="unknown kind 'verions' of difference"):
        resume(folder, accept=["verions"])


def test_files_that_settings_name_are_data(tmp_path: Path) -> None:
    pool = tmp_path / "pool.jsonl"
    examples = make_task("arithmetic-and-strings", **ITEMS).examples("train")
    write_examples(pool, examples)
    config = RunConfig(
        env="teachgym/OpenEnded-v0",
        teacher="pool",
        teacher_settings={"pool": str(pool)},
        env_settings=CONFIG.env_settings,
    )
    folder = stopped(tmp_path / "run", config)
    write_examples(pool, [*examples, *examples])
    with pytest.raises(RunError, match=rf"data: {pool}: [0-9a-f]+ -> [0-9a-f]+\n"):
        resume(folder)
    write_examples(pool, examples)
    resume(folder)


def test_answers_that_calls_are_recorded_in_are_no_data(tmp_path: Path) -> None:
    """They are written by the run itself, and by others."""
    store = tmp_path / "chat.sqlite"
    store.touch()
    chat = {"provider": "python", "model": "tests.chat.scripts:echo", "store": str(store)}
    config = RunConfig(env_settings={**CONFIG.env_settings, "chat": chat})
    folder = stopped(tmp_path / "run", config)
    store.write_text("grown")
    resume(folder)


@pytest.mark.sweep(4)
@pytest.mark.parametrize(
    "content",
    [
        "{}",
        "[]",
        "7",
        "null",
        "{",
        '{"config": 3}',
        '{"config": {}, "id": "x", "spec": "", "versions": []}',
        '{"config": {"seed": "x"}, "id": "x", "spec": "", "versions": {}}',
        '{"config": {"env": 3}, "id": "x", "spec": "", "versions": {}}',
        '{"config": {"trackers": {"wandb": 3}}, "id": "x", "spec": "", "versions": {}}',
        '{"config": {"unknown": 3}, "id": "x", "spec": "", "versions": {}}',
    ],
)
def test_a_configuration_of_another_shape_is_named(tmp_path: Path, content: str) -> None:
    folder = stopped(tmp_path / "run")
    (folder / "config.json").write_text(content)
    with pytest.raises(RunError, match=r"config\.json is damaged \(.*\); restore it"):
        resume(folder)
