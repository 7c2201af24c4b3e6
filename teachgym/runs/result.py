"""The result of a finished run, as one value that can be written, read and shown."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from teachgym.errors import RunError
from teachgym.escaping import notebook_table
from teachgym.metrics import paired_gain
from teachgym.records import Record, read_examples, score_from_json, score_to_json, scores_from_json
from teachgym.runs.checkpoints import read_report
from teachgym.runs.files import read_json
from teachgym.runs.folder import RunFolder
from teachgym.runs.journal import Journal
from teachgym.shown import command, shown
from teachgym.snapshot import Snapshot
from teachgym.types import Cost, FrozenDict, Report, Score, Transition


@dataclass(frozen=True, slots=True)
class Comparison:
    """The untrained student and the one that was best on ``val``, on the same items."""

    before: Score
    after: Score
    gain: Score
    """Paired over items; its error is that of the change."""
    skills_before: Mapping[str, Score]
    """By skill name, of the untrained student."""
    skills_after: Mapping[str, Score]
    """By skill name, of the best student."""
    figures_before: Mapping[str, Score] = FrozenDict()
    """``Report.figures`` of the untrained student; empty where there is nothing but accuracy."""
    figures_after: Mapping[str, Score] = FrozenDict()
    """Those of the best student."""
    levels_before: Mapping[str, Score] = FrozenDict()
    """By level, of the untrained student; empty where items have none."""
    levels_after: Mapping[str, Score] = FrozenDict()
    """By level, of the best student."""

    def __repr__(self) -> str:
        return f"<Comparison: {self.before} to {self.after}, gain {self.gain}>"

    @classmethod
    def of(cls, before: Report, after: Report) -> Comparison:
        """Compare two reports on the same split of the same task."""
        return cls(
            before.overall,
            after.overall,
            paired_gain(before, after),
            before.by_skill(),
            after.by_skill(),
            before.figures,
            after.figures,
            before.by_level(),
            after.by_level(),
        )


@dataclass(frozen=True, slots=True)
class RunResult:
    """The outcome of a run.

    ``test`` is the number to quote: it was read once, after the episode. ``val`` chose the
    student, so its gain is too good.
    """

    env: str
    """Id of the environment."""
    task: str
    student: str
    teacher: str
    seed: int
    val: Comparison
    test: Comparison
    return_: float
    """Sum of rewards."""
    steps: int
    best_step: int
    """The step after which the student was best on ``val``; 0 = untrained."""
    stop_reason: str
    """The reason for the end of the episode."""
    spent: Cost
    """In the episode; the exam on ``test`` is free."""
    curve: tuple[Score, ...]
    """Accuracy on ``val`` before the first step and after each, shape (steps + 1,)."""
    rejected: Mapping[str, int] = field(default_factory=dict)
    """Examples that the gate kept out, by reason."""
    incidents: Mapping[str, int] = field(default_factory=dict)
    """Incidents in calls of chat models, by event."""
    accepted: tuple[str, ...] = ()
    """Differences that somebody accepted to resume the run: versions, commit, data, settings."""
    skill_curves: Mapping[str, tuple[float, ...]] = FrozenDict()
    """Accuracy on ``val`` by skill, untrained and after each step, shape (steps + 1,) each; skills
    that were measured every time."""
    taught: Mapping[str, tuple[int, ...]] = FrozenDict()
    """Examples of each skill that was taught, by step, shape (steps,) each."""
    aided: tuple[Score, ...] = ()
    """Accuracy on ``val`` with the teacher's aids before the prompts, in the places of ``curve``,
    with n = 0 where it was not measured; empty where there were no aids."""
    quality: Score = field(default_factory=Score.nothing)
    """The share of right targets among the exercises that the gate's filters accepted."""

    def __repr__(self) -> str:
        teacher, student, env = (shown(s, 80) for s in (self.teacher, self.student, self.env))
        who = f"{teacher} teaches {student} in {env}"
        facts = f"{self.steps} step{'s' * (self.steps != 1)}, gain on test {self.test.gain}"
        return f"<RunResult: {who}, seed {self.seed}; {facts}>"

    def _repr_html_(self) -> str:
        """Accuracy before and after on both splits, for notebooks."""
        header = ("accuracy", "untrained", f"best on val (step {self.best_step})", "gain")
        rows = (
            (split, compared.before, compared.after, compared.gain)
            for split, compared in (("val", self.val), ("test", self.test))
        )
        return notebook_table(repr(self)[1:-1], header, rows)

    @property
    def with_aids(self) -> tuple[Score, Score] | None:
        """Accuracy on ``val`` without aids and with them, where both were measured last."""
        both = [
            (own, helped) for own, helped in zip(self.curve, self.aided, strict=False) if helped.n
        ]
        return both[-1] if both else None

    @property
    def chosen(self) -> float:
        """The yield: of all that was handed in, the share that was trained on; nan of nothing."""
        handed_in = self.spent.examples + sum(self.rejected.values())
        return self.spent.examples / handed_in if handed_in else math.nan

    @property
    def gap(self) -> Score:
        """The gain on ``val`` minus the gain on ``test``: how much the choice on ``val`` flatters.

        The items of the two splits are others, so the errors of the two gains are independent:
        the standard error is the root of the sum of their squares; n counts the items of both.
        """
        val, test = self.val.gain, self.test.gain
        return Score(val.n + test.n, val.mean - test.mean, math.hypot(val.stderr, test.stderr))


class Tally:
    """The observer that adds up the steps of an episode, and keeps none of them."""

    def __init__(self) -> None:
        self.steps, self.return_ = 0, 0.0
        self._counts: Counter[str] = Counter()

    def __call__(self, step: int, transition: Transition) -> None:
        """Add a step."""
        self.steps, self.return_ = step, self.return_ + transition.reward
        for name, number in transition.info["metrics"].items():
            if name.startswith(("rejected/", "incidents/")):
                self._counts[name] += number

    def totals(self, prefix: str) -> dict[str, int]:
        """Sums of the metrics that begin with ``prefix``, by the rest of the name."""
        names = sorted(name for name in self._counts if name.startswith(prefix))
        return {name.removeprefix(prefix): self._counts[name] for name in names}


def collect_result(run: RunFolder, snapshot: Snapshot, tally: Tally, **names: Any) -> RunResult:
    """Put the result together from an ended episode and the predictions in the run's folder.

    Args:
        run: where the predictions are, those of the exam included.
        snapshot: of the environment at the end.
        tally: what its steps came to.
        names: ``env``, ``task``, ``student``, ``teacher`` and ``seed``.
    """
    best = snapshot.best.step
    val = [read_report(run.val_predictions(step), "val") for step in (0, best)]
    journal = Journal(run.journal)
    steps = [line["metrics"] for line in journal.read_steps()]
    test = [read_report(run.test_predictions(which), "test") for which in ("untrained", "best")]
    return RunResult(
        **names,
        val=Comparison.of(*val),
        test=Comparison.of(*test),
        return_=tally.return_,
        steps=tally.steps,
        best_step=best,
        stop_reason=snapshot.stop_reason,
        spent=snapshot.spent,
        curve=tuple(snapshot.curve),
        rejected=tally.totals("rejected/"),
        incidents=tally.totals("incidents/"),
        accepted=journal.accepted,
        skill_curves=_skill_curves(val[0], steps),
        taught=_taught(run, tally.steps),
        aided=_aided(steps),
        quality=_quality(steps),
    )


def _aided(steps: Sequence[Record]) -> tuple[Score, ...]:
    """The results of the aided evaluations, by step."""
    names = [f"aided/{name}" for name in ("n", "accuracy", "stderr")]
    rows: list[list[Any]] = [[metrics.get(name) for name in names] for metrics in steps]
    if all(n is None for n, *_ in rows):
        return ()
    found = (Score.nothing() if n is None else Score(int(n), *rest) for n, *rest in rows)
    return (Score.nothing(), *found)


def _quality(steps: Sequence[Record]) -> Score:
    """The share of right targets in all that filters have left."""
    told = [(step["quality_n"], step["quality"]) for step in steps if step.get("quality_n")]
    n = int(sum(count for count, _ in told))
    if not n:
        return Score.nothing()
    mean = sum(count * share for count, share in told) / n
    return Score(n, mean, math.sqrt(mean * (1 - mean) / n))


def _skill_curves(untrained: Report, steps: Sequence[Record]) -> dict[str, tuple[float, ...]]:
    """Accuracy of each skill on ``val`` from the untrained student on."""
    return {
        skill: (score.mean, *(step[name] for step in steps))
        for skill, score in untrained.by_skill().items()
        if score.n and all((name := f"accuracy/{skill}") in step for step in steps)
    }


def _taught(run: RunFolder, steps: int) -> dict[str, tuple[int, ...]]:
    """Count the examples of each skill that each step trained on."""
    examples = read_examples(run.examples) if run.examples.exists() else ()
    counts = Counter((e.skill, e.step) for e in examples)
    skills = dict.fromkeys(skill for skill, _ in counts)
    return {s: tuple(counts[s, step] for step in range(1, steps + 1)) for s in skills}


def is_finished(run: RunFolder) -> bool:
    """Whether there is nothing left to do for a run."""
    return Journal(run.journal).has("finished")


def read_result(run: RunFolder, *, whole: bool = False) -> RunResult:
    """The result of a finished run.

    Args:
        run: where it is.
        whole: whether to see that all its files are as they were written, since others are read.

    Raises:
        RunError: if it is not finished, or something is damaged.
    """
    journal = Journal(run.journal)
    if not journal.has("finished"):
        raise RunError(f"{run.path} is not finished; continue with: {command('resume', run.path)}")
    journal.require_intact(*([] if whole else ["result.json"]), reads=True)
    record = read_json(run.result)
    try:
        return result_from_json(record)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise RunError(
            f"{run.result} is damaged or of another version of teachgym ({error!r}); restore it "
            "from a copy"
        ) from error


def result_to_json(result: RunResult) -> Record:
    """The result as JSON values (numbers may be nan)."""
    record = asdict(result)
    for split in ("val", "test"):
        kept = {
            key: value
            for key, value in record[split].items()
            if value or not key.startswith(("figures", "levels"))
        }
        record[split] = kept
    told = {"aided": bool(result.aided), "quality": result.quality.n}
    return {name: value for name, value in record.items() if told.get(name, True)}


def result_from_json(record: Record) -> RunResult:
    """Inverse of ``result_to_json``; ``null`` is read as nan."""
    return RunResult(
        **{
            **record,
            "val": _comparison(record["val"]),
            "test": _comparison(record["test"]),
            "return_": math.nan if record["return_"] is None else record["return_"],
            "spent": Cost(**record["spent"]),
            "curve": tuple(map(score_from_json, record["curve"])),
            "aided": tuple(map(score_from_json, record.get("aided", ()))),
            "quality": score_from_json(record.get("quality") or score_to_json(Score.nothing())),
            "accepted": tuple(record.get("accepted", ())),
            **{
                name: {key: tuple(row) for key, row in record.get(name, {}).items()}
                for name in ("skill_curves", "taught")
            },
        }
    )


def _comparison(record: Record) -> Comparison:
    one = dict.fromkeys(("before", "after", "gain"), score_from_json)
    read: Record = {key: one.get(key, scores_from_json)(own) for key, own in record.items()}
    return Comparison(**read)
