"""A board: recorded benches, each a file of lines beside the suite it was run with.

A bench named ``mine`` is ``mine.jsonl`` (``lines.result_lines``) and ``mine.suite.json``. What is
on a board was complete, intact and run as its suite says when it was added.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from teachgym.benchmarks.bench.leaderboard import LeaderboardRow, stand
from teachgym.benchmarks.bench.lines import read_run_lines, require_run_line, result_lines
from teachgym.benchmarks.bench.outcomes import Outcomes, read_outcomes
from teachgym.benchmarks.bench.runner import read_results, read_states, read_suite
from teachgym.benchmarks.bench.suites import Cell, Suite
from teachgym.errors import ConfigError, RunError
from teachgym.records import Record
from teachgym.runs.files import read_json, write_json, write_lines
from teachgym.runs.folder import RunFolder
from teachgym.runs.journal import Journal

LINES, SUITE = ".jsonl", ".suite.json"
"""Ends of the names of a bench's two files."""
FEWEST_SEEDS = 2
"""Seeds of each arm without which nothing is known of how sure a number is."""


@dataclass(frozen=True)
class Entry:
    """A recorded bench."""

    name: str
    suite: Suite
    lines: tuple[Record, ...]
    """Lines of its runs, at least one."""

    @cached_property
    def outcomes(self) -> Outcomes:
        """The outcomes of the runs, read from the lines."""
        return read_outcomes(self.lines)

    @cached_property
    def standings(self) -> list[LeaderboardRow]:
        """Best arm first, those without runs left out."""
        return [line for line in stand(self.suite, self.outcomes) if line.finished]


def read_board(folder: Path) -> list[Entry]:
    """The benches of a board by name.

    Raises:
        RunError: if there are none, or lines are not of the suite beside them.
    """
    suites = sorted(folder.glob(f"*{SUITE}"), key=_name)
    if not suites:
        raise RunError(
            f"{folder} is not a board (it has no *{SUITE}); add a bench to it with --add"
        )
    return [read_entry(path.with_name(f"{_name(path)}{LINES}")) for path in suites]


def add_bench(bench: Path, board: Path, name: str = "") -> Path:
    """Check a bench, add it to a board under its folder's name or another, and return its lines.

    Where the board has a bench of that name with the same settings, whose arms are the same and
    whose seeds end where those of this one begin, or whose seeds are the same and some arms are
    not, the new runs are added to it.

    Raises:
        RunError: if it has runs that are missing, damaged or were resumed with something changed,
            the board has another bench of that name, or a run of both had another result there.
        ConfigError: for a bench with too few seeds.
    """
    path = board / f"{name or bench.resolve().name}{LINES}"
    own = read_suite(bench)
    earlier = read_entry(path) if path.exists() else None
    suite = _joined(earlier.suite, own, path, bench) if earlier else own
    lines: Sequence[Record] = _checked_lines(own, bench)
    if earlier:
        lines = _joined_lines(earlier.lines, lines, path)
    write_lines(path, lines)
    write_json(path.with_name(f"{_name(path)}{SUITE}"), suite.to_json())
    return path


def _joined(earlier: Suite, suite: Suite, path: Path, bench: Path) -> Suite:
    """The suite of both, which are alike but for either the next seeds or other arms."""
    next_seed = earlier.all_seeds[-1] + 1
    if suite.first_seed == next_seed and suite.with_seeds(earlier.all_seeds) == earlier:
        return suite.with_seeds(earlier.all_seeds + suite.all_seeds)
    both = earlier.with_arms_of(suite)
    if both is not None and both != earlier:
        return both
    raise RunError(
        f"{path} is on the board already, and {bench} does not continue it; remove it or give "
        f"another --name (more seeds of it: --first-seed {next_seed}; other arms of it: with the "
        "same seeds and settings)"
    )


def _joined_lines(
    earlier: Sequence[Record], lines: Sequence[Record], path: Path
) -> Sequence[Record]:
    """The lines of both, by arm and seed; runs of both are equal, or what ran them was not."""
    runs = {(line["arm"], line["seed"]): line for line in earlier}
    for line in lines:
        arm, seed = run = line["arm"], line["seed"]
        known = runs.setdefault(run, line)
        if (known["test_before"], known["test_after"]) != (line["test_before"], line["test_after"]):
            raise RunError(
                f"arm {arm!r} with seed {seed} was {known['test_after']:.4f} after teaching when "
                f"{path} was made ({known['commit'] or 'no commit'}) and is "
                f"{line['test_after']:.4f} now ({line['commit'] or 'no commit'}), so other arms "
                "are not comparable; run them all with one version, or give another --name"
            )
    return [runs[run] for run in sorted(runs)]


def _checked_lines(suite: Suite, bench: Path) -> list[Record]:
    if (seeds := len(suite.all_seeds)) < FEWEST_SEEDS:
        raise ConfigError(
            f"{bench} has {seeds} seed; a board takes {FEWEST_SEEDS} or more: teachgym bench "
            f"{suite.name} --seeds {FEWEST_SEEDS}"
        )
    results = read_results(suite, bench)
    states = read_states(suite, bench, results)
    if missing := [key for key, state in states.items() if state != "finished"]:
        arm, seed = missing[0]
        raise RunError(
            f"{len(missing)} of {len(states)} runs of {bench} are not finished, first arm {arm!r} "
            f"with seed {seed}; finish them with the command of the bench"
        )
    for cell in suite.cells():
        run, result = RunFolder.open(bench / cell.path), results[cell.arm.name, cell.seed]
        Journal(run.journal).require_intact()
        if result.accepted:
            raise RunError(
                f"{run.path} was resumed with another {result.accepted[0]}, so it is not one run; "
                "make it again"
            )
    lines = result_lines(suite, bench, results)
    for line in lines:
        require_run_line(line, f"{bench}, arm {line['arm']!r}, seed {line['seed']}")
    return lines


def read_entry(lines: Path) -> Entry:
    """The bench of a file of lines, with the suite beside it.

    Raises:
        RunError: if there are no lines, or they are not those of that suite, each once.
    """
    name = _name(lines)
    path = lines.with_name(f"{name}{SUITE}")
    try:
        suite = Suite.of(read_json(path))
    except ConfigError as error:
        raise RunError(f"{path} is damaged or of another version of teachgym ({error})") from error
    entry = Entry(name, suite, tuple(read_run_lines(lines)))
    digests = {arm.name: Cell(suite, arm, 0).digest for arm in suite.arms}
    for number, line in enumerate(entry.lines, 1):
        if digests.get(line["arm"]) != line["digest"]:
            raise RunError(
                f"{lines}:{number} is of arm {line['arm']!r} with other settings than {path} has; "
                "add the bench again from its folder"
            )
    if not entry.lines:
        raise RunError(f"{lines} is missing or empty; add the bench again from its folder")
    runs = Counter((line["arm"], line["seed"]) for line in entry.lines)
    wanted = Counter((cell.arm.name, cell.seed) for cell in suite.cells())
    for (arm, seed), how in [
        *((run, "missing") for run in wanted - runs),
        *((run, "there twice, or not in the suite") for run in runs - wanted),
    ]:
        raise RunError(
            f"{lines}: the run of arm {arm!r} with seed {seed} is {how}; add the bench again from "
            "its folder"
        )
    return entry


def _name(path: Path) -> str:
    return path.name.removesuffix(SUITE).removesuffix(LINES)
