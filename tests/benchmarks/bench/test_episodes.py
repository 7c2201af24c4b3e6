"""Episodes of a bench are written for others and read again as they were."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from teachgym.benchmarks.bench.episodes import export_episodes
from teachgym.benchmarks.bench.suites import Arm
from teachgym.cli.commands import app
from teachgym.errors import MissingExtraError
from teachgym.runs.journal import Journal
from teachgym.types import CURRENCIES
from tests.benchmarks.bench.small_bench import SUITE, run_all

OPEN = Arm("pool", "pool", env="teachgym/OpenEnded-v0")
TREE = Arm("tree", "uniform-tree", env="teachgym/SkillTree-v0")
PLANS = Arm("plans", "ratio-rule")
"""Its environment takes plans because its teacher needs that."""
MIXED = replace(SUITE, arms=(*SUITE.arms, OPEN, TREE, PLANS))


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two seeds of two lists' teachers and a tree's, who act in numbers, and of two who do not."""
    folder = tmp_path_factory.mktemp("bench") / "small"
    run_all(MIXED, folder)
    return folder


def test_episodes_are_read_again_as_they_were(
    bench: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    minari = pytest.importorskip("minari")
    written = export_episodes(bench, tmp_path / "out")
    name = "teachgym/SkillList/small-v1"
    assert written.datasets == {name: 4, "teachgym/SkillTree/small-v1": 2}
    assert written.left_out == ["plans", "pool"]
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path / "out"))
    dataset = minari.load_dataset(name)
    assert (dataset.total_episodes, dataset.total_steps) == (4, 8)
    told = list(dataset.storage.get_episode_metadata(range(4)))
    assert [(own["arm"], own["seed"]) for own in told] == [
        ("uniform", 0),
        ("uniform", 1),
        ("weak", 0),
        ("weak", 1),
    ]
    for own, episode in zip(told, dataset.iterate_episodes(), strict=True):
        journal = Journal(bench / own["arm"] / f"seed_{own['seed']:02d}" / "journal.jsonl")
        seen = [journal.started["observation"], *(s["observation"] for s in journal.steps)]
        for part in ("accuracy", "budget_left"):
            expected = np.array([each[part][0] for each in seen], np.float32)
            assert np.array_equal(episode.observations[part], expected)
        actions = np.array([step["action"][0] for step in journal.steps], np.float32)
        assert np.array_equal(episode.actions, actions)
        assert episode.rewards.tolist() == [step["reward"] for step in journal.steps]
        assert episode.terminations.tolist() == [step["terminated"] for step in journal.steps]
        spent = [0.0, *(step["cost"].get("examples", 0) for step in journal.steps)]
        assert episode.infos["cost/examples"].tolist() == spent
        assert set(episode.infos) == {f"cost/{currency}" for currency in CURRENCIES}


def test_the_command_says_what_was_written_and_what_was_left_out(
    bench: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("minari")
    monkeypatch.chdir(tmp_path)
    out = "out"  # As in the documentation; Minari's Parquet files would be looked for in vain.
    told = CliRunner().invoke(app, ["export", str(bench), "--minari", out])
    assert told.exit_code == 0
    assert "teachgym/SkillList/small-v1: 4 episodes" in told.output
    assert "left out  plans, pool: no obs" in told.output
    again = CliRunner().invoke(app, ["export", str(bench), "--minari", out])
    assert again.exit_code == 2
    assert "exists; give a new folder" in again.output


def test_without_minari_the_extra_is_named(
    bench: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("teachgym.errors.find_spec", lambda package: None)
    with pytest.raises(MissingExtraError, match=r"pip install 'teachgym\[minari\]'"):
        export_episodes(bench, tmp_path / "out")


def test_what_is_no_bench_is_refused(tmp_path: Path) -> None:
    pytest.importorskip("minari")
    told = CliRunner().invoke(app, ["export", str(tmp_path), "--minari", str(tmp_path / "out")])
    assert told.exit_code == 2
    nothing = CliRunner().invoke(app, ["export", str(tmp_path)])
    assert "--minari FOLDER for a bench" in nothing.output
