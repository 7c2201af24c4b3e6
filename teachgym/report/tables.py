"""The result of a run as tables: for the terminal and as Markdown, with the same cells."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Literal, TypeVar

from teachgym.escaping import markdown, terminal
from teachgym.report.headline import headline
from teachgym.runs.result import Comparison, RunResult
from teachgym.types import CURRENCIES, Score

if TYPE_CHECKING:
    from rich.table import Table

Rows = Sequence[tuple[str, ...]]
CellT = TypeVar("CellT")


NOTHING = "—"
"""In a cell for which there can be no figure; one that is only missing is "not measured"."""
_NORMAL_95 = 1.96
"""Standard errors on either side of a mean."""


def describe_teaching(*, teacher: str, student: str, env: str, seed: int) -> str:
    """A line that says who teaches whom; a simulated student is always called one."""
    called = "simulated student" if student == "simulated" else student
    return f"{teacher} teaches {called} in {env}, seed {seed}"


def describe_run(result: RunResult) -> str:
    """A line that says who taught whom."""
    return describe_teaching(
        teacher=result.teacher, student=result.student, env=result.env, seed=result.seed
    )


def score_rows(result: RunResult) -> Rows:
    """Header and a row per split: the untrained student, the best one, and the paired gain.

    Under them the gain on val minus that on test, with its 95 % interval.
    """
    after = f"best on val (step {result.best_step})"
    return (
        ("accuracy", "untrained", after, "gain"),
        ("val", *_comparison(result.val)),
        ("test", *_comparison(result.test)),
        ("val - test", "", "", show_gap(result.gap)),
    )


def figure_rows(result: RunResult) -> Rows:
    """Header and a row per metric of the task and part of its grades, if it has any.

    Each on both splits, of the untrained student and of the one that was best on val.
    """
    splits = {"val": result.val, "test": result.test}
    header = (f"{split}, {who}" for split in splits for who in ("untrained", "best"))
    names = dict.fromkeys(n for c in splits.values() for n in (*c.figures_before, *c.figures_after))
    rows = (
        (
            name.removeprefix("metric/").replace("part/", "part: ", 1),
            *(
                str(scores.get(name, Score.nothing()))
                for c in splits.values()
                for scores in (c.figures_before, c.figures_after)
            ),
        )
        for name in names
    )
    return (("besides accuracy", *header), *rows)


def spending_rows(result: RunResult) -> Rows:
    """Header and a row per currency of which something was spent; what filters left of it."""
    spent = result.spent.as_dict()
    rows = ((c.replace("_", " "), f"{amount:,.10g}") for c, amount in spent.items() if amount)
    seconds = (("seconds", f"{result.spent.seconds:,.1f}"),)
    chosen = (("yield", f"{result.chosen:.3f}"), ("quality", str(result.quality)))
    last = (*seconds, *(chosen if result.quality.n else ()))
    return (("spent", "amount"), *(row for row in rows if row[0] != "seconds"), *last)


def trouble_rows(result: RunResult) -> Rows:
    """Header and a row per reason of the gate and per event with chat models, if any."""
    kept_out = ((f"kept out: {reason}", n) for reason, n in result.rejected.items())
    events = ((f"chat: {event}", n) for event, n in result.incidents.items())
    return (("what went wrong", "times"), *((name, f"{n:,}") for name, n in (*kept_out, *events)))


def describe_end(result: RunResult) -> str:
    """A line that says how long the episode was, why it ended, and with what else it went on."""
    reason = result.stop_reason.replace("_", " ")
    reason = f"budget of {reason}" if result.stop_reason in CURRENCIES else reason
    steps = f"{result.steps} step{'s' * (result.steps != 1)}"
    others = (f"; resumed with another {difference}" for difference in result.accepted)
    return f"return {result.return_:+z.3f} in {steps}; ended by: {reason}{''.join(others)}"


def result_table(result: RunResult) -> Table:
    """A table of scores and spending, to be printed with rich."""
    from rich.table import Table
    from rich.text import Text

    table = Table.grid()
    table.add_row(Text(terminal(describe_run(result))), style="bold")
    table.add_row(Text(terminal(headline(result))))
    for rows in _result_tables(result):
        table.add_row(rich_rows(rows))
    table.add_row(Text(terminal(describe_end(result))))
    return table


def result_markdown(result: RunResult) -> str:
    """The tables of a result as Markdown."""
    parts = (
        f"**{markdown(describe_run(result))}**",
        markdown(headline(result)),
        *map(markdown_rows, _result_tables(result)),
        markdown(describe_end(result)),
    )
    return "\n\n".join(parts) + "\n"


def _result_tables(result: RunResult) -> list[Rows]:
    """All tables that have a row under their header."""
    makers = (score_rows, figure_rows, spending_rows, trouble_rows)
    return [rows for make in makers if len(rows := make(result)) > 1]


def show_gap(gap: Score) -> str:
    """The gain on val minus the gain on test with its 95 % interval."""
    return show_interval(gap, "+.3f")


def show_interval(change: Score, form: str) -> str:
    """A mean and its 95 % interval in a format of numbers, as that of ``Score.show``.

    Example:
        >>> show_interval(Score(100, 0.02, 0.01), "+.3f")
        '+0.020 [+0.000, +0.040]'
    """
    width = _NORMAL_95 * change.stderr
    ends = (change.mean, change.mean - width, change.mean + width)
    mean, low, high = (Score(1, end, 0.0).show(form) for end in ends)
    if math.isnan(change.mean):
        return mean
    return f"{mean}, no interval of one item" if math.isnan(width) else f"{mean} [{low}, {high}]"


def _comparison(comparison: Comparison) -> tuple[str, str, str]:
    gain = comparison.gain
    return (
        str(comparison.before),
        str(comparison.after),
        gain.show("+.3f"),
    )


def tabulate(things: Iterable[Mapping[str, CellT]]) -> list[tuple[str | CellT, ...]]:
    """Header and a row per thing from its cells by the same names; nothing for no thing.

    A column that is empty for all of them is left out.

    Example:
        >>> tabulate({"n": f"{n}", "half": f"{n // 2}" * (n % 2 == 0)} for n in (2, 3))
        [('n', 'half'), ('2', '1'), ('3', '')]
        >>> tabulate({"n": f"{n}", "half": f"{n // 2}" * (n % 2 == 0)} for n in (1, 3))
        [('n',), ('1',), ('3',)]
    """
    rows = list(things)
    names = [name for name in (rows[0] if rows else ()) if any(str(row[name]) for row in rows)]
    return [tuple(names), *(tuple(row[name] for name in names) for row in rows)] if rows else []


def complete(rows: Sequence[Sequence[CellT]]) -> list[list[CellT | str]]:
    """Rows without empty cells: what no row has is left out, what some lack is a dash.

    Example:
        >>> complete([("arm", "p", "loss"), ("a", "", "1"), ("b", "", "")])
        [['arm', 'loss'], ['a', '1'], ['b', '—']]
    """
    header, *body = rows
    kept = [i for i in range(len(header)) if i == 0 or not body or any(str(r[i]) for r in body)]
    lines = [[row[i] if str(row[i]) else NOTHING for i in kept] for row in body]
    return [[header[i] for i in kept], *lines]


def rich_rows(rows: Rows, *, title: str = "", words: Collection[str] = ()) -> Table:
    """Header and rows as a table to be printed with rich.

    Args:
        rows: the header first.
        title: printed above.
        words: names of the columns that hold words, as the first always does; others hold numbers.
    """
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    header, *body = complete(rows)
    above = Text(terminal(title), style="bold") if title else None
    table = Table(title=above, title_justify="left", box=SIMPLE_HEAD)
    for number, name in enumerate(header):
        if number and name in words:  # Not cut off: it may be a setting's name.
            table.add_column(Text(terminal(name)), overflow="fold")
        else:
            side: Literal["left", "right"] = "right" if number else "left"
            table.add_column(Text(terminal(name)), justify=side, no_wrap=not number and bool(words))
    for row in body:
        table.add_row(*(Text(terminal(cell)) for cell in row))
    return table


def markdown_rows(rows: Rows) -> str:
    """Header and rows as a Markdown table."""
    header, *body = complete(rows)
    ruler = ("---", *["---:"] * (len(header) - 1))
    cells = ([*map(markdown, header)], ruler, *([*map(markdown, row)] for row in body))
    return "\n".join(f"| {' | '.join(row)} |" for row in cells)
