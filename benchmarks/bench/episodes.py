"""The recorded episodes of a bench as Minari data sets, from which teachers are trained offline.

A data set holds the arms whose environments have the same id and the same spaces of numbers. Arms
whose observations or actions are texts or examples have no place in one, and are told of.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np

from teachgym.actions import is_numeric
from teachgym.assembly import check_config
from teachgym.benchmarks.bench.lines import result_lines
from teachgym.benchmarks.bench.runner import read_results, read_suite
from teachgym.benchmarks.bench.suites import Cell
from teachgym.errors import RunError, require_packages
from teachgym.records import Record
from teachgym.registry import recorded
from teachgym.runs.files import check_writable, replacing
from teachgym.runs.folder import RunFolder
from teachgym.runs.journal import Journal, from_jsonable
from teachgym.types import CURRENCIES


@dataclass(frozen=True, slots=True)
class Spaces:
    """The environment of an arm as a learner sees it."""

    env: str
    """Its id."""
    spec: gym.envs.registration.EnvSpec | None
    observation: gym.Space[Any]
    action: gym.Space[Any]

    @property
    def numeric(self) -> bool:
        """Whether both are numbers alone, or dictionaries of them."""
        return is_numeric(self.observation) and is_numeric(self.action)

    @property
    def key(self) -> str:
        """Equal for arms that share a data set."""
        return f"{self.env} {self.observation} {self.action}"


@dataclass(frozen=True, slots=True)
class Written:
    """The outcome of an export."""

    datasets: Mapping[str, int]
    """Episodes by the id of their data set."""
    left_out: Sequence[str]
    """Arms that are not of numbers."""


def export_episodes(bench: Path, out: Path) -> Written:
    """Write every finished run of a bench as an episode; ``out`` is a new root of data sets.

    With ``MINARI_DATASETS_PATH=out``, ``minari.load_dataset(id)`` opens one. Each step has the
    observation that the teacher saw, its action, the reward, and in ``infos`` what the step cost
    (``cost/examples`` and so on; 0 at the reset). The metadata of an episode are the seed of its
    run, and suite, arm and digest of its line (``lines.result_lines``), but nothing of test.

    Raises:
        MissingExtraError: without the extra ``minari``.
        RunError: if ``out`` exists, or no finished run is of numbers.
    """
    require_packages("minari", "minari", "pyarrow")
    suite = read_suite(bench)
    results = read_results(suite, bench)
    cells = {(cell.arm.name, cell.seed): cell for cell in suite.cells()}
    made: dict[str, Spaces] = {}  # Of each environment once: making one may load a model.
    arms = {arm: _spaces_of(cells[arm, seed], made) for arm, seed in results}
    groups: dict[str, list[Record]] = {}
    for line in result_lines(suite, bench, results):
        if (own := arms[line["arm"]]).numeric:
            groups.setdefault(own.key, []).append(line)
    left_out = sorted(arm for arm, own in arms.items() if not own.numeric)
    if not groups:
        raise RunError(
            f"{bench} has no finished run with observations and actions of numbers"
            + f" ({', '.join(left_out)} have texts or examples)" * bool(left_out)
        )
    out = out.resolve()  # Minari misreads relative paths of Parquet files.
    if out.exists():
        raise RunError(f"{out} exists; give a new folder")
    check_writable(out)
    written: dict[str, int] = {}
    with replacing(out, new=True) as root:
        for lines in groups.values():
            name = _name(arms[lines[0]["arm"]], suite.name, suite.version, written)
            runs = [bench / cells[line["arm"], line["seed"]].path for line in lines]
            _write(root / name, name, arms[lines[0]["arm"]], lines, runs)
            written[name] = len(lines)
    return Written(written, left_out)


def _spaces_of(cell: Cell, made: dict[str, Spaces]) -> Spaces:
    """The spaces of an arm, from those ``made`` already where its environment is among them."""
    config = Cell(replace(cell.suite, seeded=()), cell.arm, cell.seed).config
    settings = check_config(config).env  # With those that the teacher needs.
    key = json.dumps([config.env, recorded(settings)], sort_keys=True)
    if key not in made:
        with closing(gym.make(config.env, **settings)) as env:
            made[key] = Spaces(config.env, env.spec, env.observation_space, env.action_space)
    return made[key]


def _name(own: Spaces, suite: str, version: int, taken: Mapping[str, int]) -> str:
    """The id of a data set; several of one environment are numbered."""
    short = own.env.removeprefix("teachgym/").partition("-v")[0]
    same = sum(name.startswith(f"teachgym/{short}") for name in taken)
    return f"teachgym/{short}{same + 1 if same else ''}/{suite}-v{version}"


def _write(
    folder: Path, name: str, own: Spaces, lines: Sequence[Record], runs: Sequence[Path]
) -> None:
    from minari.data_collector.episode_buffer import EpisodeBuffer
    from minari.dataset.minari_storage import MinariStorage

    (folder / "data").mkdir(parents=True)
    storage = MinariStorage.new(
        folder / "data", own.observation, own.action, own.spec, data_format="parquet"
    )
    arms = list(dict.fromkeys(line["arm"] for line in lines))
    storage.update_metadata(
        {
            "dataset_id": name,
            "algorithm_name": ", ".join(arms),
            "description": "Episodes of teachers recorded by teachgym bench, one arm and seed each",
            "minari_version": version("minari"),
            "commits": sorted({str(line["commit"]) for line in lines}),
        }
    )
    storage.update_episodes(
        EpisodeBuffer(id=number, seed=line["drawn"], **_columns(own, run))
        for number, (line, run) in enumerate(zip(lines, runs, strict=True))
    )
    kept = ("suite", "arm", "control", "condition", "digest", "commit", "version")
    storage.update_episode_metadata([{name: line[name] for name in kept} for line in lines])


def _columns(own: Spaces, run: Path) -> dict[str, Any]:
    """The steps of a run as columns: T + 1 observations and infos, T of all else."""
    journal = Journal(RunFolder.open(run).journal)
    steps = journal.steps
    seen = [journal.started["observation"], *(line["observation"] for line in steps)]
    costs = {c: [0.0, *(line["cost"].get(c, 0.0) for line in steps)] for c in CURRENCIES}
    return {
        "observations": _stack([from_jsonable(own.observation, each) for each in seen]),
        "actions": _stack([from_jsonable(own.action, line["action"]) for line in steps]),
        "rewards": [line["reward"] for line in steps],
        "terminations": [line["terminated"] for line in steps],
        "truncations": [line["truncated"] for line in steps],
        "infos": {f"cost/{name}": column for name, column in costs.items()},
    }


def _stack(values: Sequence[Any]) -> Any:
    """Values of one space as one array, or as a dictionary of them."""
    if isinstance(values[0], dict):
        return {name: _stack([value[name] for value in values]) for name in values[0]}
    return np.stack(values)
