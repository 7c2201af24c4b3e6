"""Tables of a run's training data and its effect, from the files of its folder.

Distribution of the data over skills and subskills and of the moves over steps, how much of it was
new, gain by difficulty and rarity of a skill (DataEnvGym, arXiv 2410.06215, figure 4), and the
final skill forest.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Sequence
from statistics import fmean

from teachgym.forest import Forest
from teachgym.metrics import paired_gain
from teachgym.records import read_examples
from teachgym.report.tables import Rows
from teachgym.runs.checkpoints import read_forest, read_report
from teachgym.runs.folder import RunFolder
from teachgym.runs.journal import Journal
from teachgym.types import Example, Exploit, Move, Prediction, Provenance, Report, Score

MOST_COLUMNS = 25
"""Columns of steps in a table, at most."""


def step_columns(steps: Iterable[int]) -> dict[int, str]:
    """Steps in their order, each with the name of its column; of many steps, several share one.

    Example:
        >>> step_columns([3, 1, 3])
        {1: 'step 1', 3: 'step 3'}
        >>> [*dict.fromkeys(step_columns(range(1, 60)).values())][-2:]
        ['steps 55 to 57', 'steps 58 to 59']
    """
    ordered = sorted({*steps})
    width = max(1, -(-len(ordered) // MOST_COLUMNS))
    groups = [ordered[first : first + width] for first in range(0, len(ordered), width)]
    return {
        step: f"steps {own[0]} to {own[-1]}" if len(own) > 1 else f"step {step}"
        for own in groups
        for step in own
    }


def taught_rows(examples: Sequence[Example]) -> Rows:
    """Header and a row per skill and subskill: examples trained on, in all and by step."""
    column_of = step_columns(e.step for e in examples)
    made = [(_subject(e), column_of[e.step]) for e in examples]
    counts, columns = Counter(made), [*dict.fromkeys(column_of.values())]
    totals = Counter(subject for subject, _ in made)
    rows = (
        (*subject, f"{total:,}", *(str(counts[subject, column]) for column in columns))
        for subject, total in sorted(totals.items())
    )
    return (("skill", "subskill", "examples", *columns), *rows)


def coverage_rows(examples: Sequence[Example]) -> Rows:
    """Header and a row per step: kinds of exercises, and those that earlier steps had taught.

    A kind is a skill at a level with the subskill and the hint of its order. Wang and Demszky 2023
    (arXiv 2306.03090) ask of a chat model that coaches teachers how much of its advice is followed
    already: 82 %, by people's judgement. Here kinds are compared word for word, up to their case.
    """
    kinds = dict[int, set[Hashable]]()
    for example in examples:
        kinds.setdefault(example.step, set()).add(_kind(example))
    known, rows = set[Hashable](), []
    for step in sorted(kinds):
        covered = len(kinds[step] & known)
        share = f"{covered / len(kinds[step]):.2f}"
        rows.append((str(step), str(len(kinds[step])), str(covered), share))
        known |= kinds[step]
    return (("step", "kinds", "taught before", "share"), *rows)


def gain_rows(before: Iterable[Prediction], after: Iterable[Prediction]) -> Rows:
    """Header and a row per skill, easiest first: what it is like, and what it gained.

    Rarity is 1 / n for n items of the skill in the split, as in the paper's figure 4.
    """
    header = ("skill", "difficulty", "rarity", "untrained", "best", "gain")
    first = [*before]
    items, rows = _by_skill(first), []
    for skill, (untrained, best, gain) in skill_gains(first, after).items():
        known = (p.example.difficulty for p in items[skill])
        levels = [level for level in known if level is not None]
        difficulty = fmean(levels) if levels else None
        shown = "none" if difficulty is None else f"{difficulty:.2f}"
        rarity = f"{1 / len(items[skill]):.4f}"
        row = (skill, shown, rarity, str(untrained), str(best), gain.show("+.3f"))
        rows.append((difficulty or 0.0, row))
    return (header, *(row for _, row in sorted(rows)))


def skill_gains(
    before: Iterable[Prediction], after: Iterable[Prediction]
) -> dict[str, tuple[Score, Score, Score]]:
    """The two scores of each skill, and its mean change over items measured both times."""
    first, second = _by_skill(before), _by_skill(after)
    reports = {
        s: (Report(tuple(own), "test"), Report(tuple(second[s]), "test"))
        for s, own in first.items()
    }
    return {
        skill: (untrained.overall, best.overall, paired_gain(untrained, best))
        for skill, (untrained, best) in reports.items()
    }


def move_rows(forest: Forest) -> Rows:
    """Header and a row per move: what was done with which skill, what it gained, and why."""
    rows = (
        (str(e.step), e.root, _show_move(e.move), _show_gain(e.gain), e.move.reason)
        for e in forest.history
    )
    return (("step", "root", "move", "gain of the root", "reason"), *rows)


def draw_forest(forest: Forest) -> str:
    """The forest as an indented list.

    Each subskill with its allocation per step, the examples it was taught, and the student's
    accuracy on the data made for it.
    """
    lines = []
    for root, tree in forest.trees.items():
        lines.append(root if tree else f"{root}: nothing found")
        depth = {"": 0}
        for subskill in tree:  # A parent is always found before its children.
            depth[subskill.name] = depth[subskill.parent] + 1
            lines.append(
                f"{'  ' * depth[subskill.name]}{subskill.name}: {subskill.allocation:g} a step, "
                f"{subskill.taught} taught, own data {subskill.own}"
            )
    return "\n".join(lines)


def teaching_tables(folder: RunFolder) -> list[tuple[str, Rows]]:
    """Titles and tables of a finished run; those of the skill tree only where there is one."""
    Journal(folder.journal).require_intact(reads=True)
    examples = read_examples(folder.examples) if folder.examples.exists() else ()
    exam = [read_report(folder.test_predictions(which), "test") for which in ("untrained", "best")]
    tables = [
        ("what was taught", taught_rows(examples)),
        ("what was new", coverage_rows(examples)),
        ("gain on test by skill", gain_rows(*(report.predictions for report in exam))),
    ]
    forest = last_forest(folder)
    return tables if forest is None else [*tables, ("moves of the skill tree", move_rows(forest))]


def last_forest(folder: RunFolder) -> Forest | None:
    """The skill forest at the end of a run; None in other environments."""
    steps = Journal(folder.journal).n_steps
    return read_forest(folder, steps) if steps else None


def _kind(example: Example) -> Hashable:
    made = example.provenance or Provenance()
    return example.skill, example.difficulty, made.subskill, made.hint.casefold()


def _subject(example: Example) -> tuple[str, str]:
    return example.skill, example.provenance.subskill if example.provenance else ""


def _by_skill(predictions: Iterable[Prediction]) -> dict[str, list[Prediction]]:
    groups: dict[str, list[Prediction]] = {}
    for prediction in predictions:
        groups.setdefault(prediction.example.skill, []).append(prediction)
    return groups


def _show_move(move: Move) -> str:
    if isinstance(move, Exploit):
        parts = (f"{name} {count:g}" for name, count in move.allocation.items() if count)
        return "exploit: " + (", ".join(parts) or "nothing")
    return f"explore {move.skill}: {move.subskills} new, {move.examples:g} each"


def _show_gain(gain: float | None) -> str:
    return "not measured" if gain is None else f"{gain:+z.3f}"
