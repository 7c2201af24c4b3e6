"""A suite over two settings: what each teacher gains at every point of the plane."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from teachgym.benchmarks.bench.leaderboard import LeaderboardRow, show_p
from teachgym.benchmarks.bench.suites import Cell as Run
from teachgym.benchmarks.pages.captions import errors
from teachgym.benchmarks.pages.material import BenchMaterial
from teachgym.benchmarks.pages.stress import teacher_of
from teachgym.report.charts import Chart, Frame, Line, Point, colored, estimate_mark, line_chart
from teachgym.report.html import Cell, Section, figure, grid, html_table
from teachgym.report.tables import Rows

Place = tuple[float, ...]
"""Values of the two settings."""
Surface = Mapping[Place, LeaderboardRow]
"""The points of the plane at which a teacher has results."""


def surface_section(bench: BenchMaterial) -> Section:
    """A table for each teacher, shaded by its difference, and curves over the second setting."""
    counts = [len(runs) for runs in bench.runs.values()]
    rows_of, columns_of = bench.suite.axes
    intro = (
        f"Rows: {_words(rows_of)}; columns: {_words(columns_of)}. Of the reference the accuracy on "
        "test, of others their accuracy minus that of the reference at the same point, paired by "
        f"seed; {errors(counts)}. Blue is better than the reference, orange worse. P-values are in "
        "the tooltips, adjusted for all comparisons of the suite (Holm)."
    )
    found = read_surfaces(bench)
    tables = [figure(name, "", html_table(_shaded(own, found))) for name, own in found.items()]
    return Section("surface", "Over the plane", intro, [*tables, grid(surface_charts(bench))])


def read_surfaces(bench: BenchMaterial) -> Mapping[str, Surface]:
    """The surfaces by teacher, in the order of the suite."""
    surfaces: dict[str, dict[Place, LeaderboardRow]] = {}
    lines = {line.arm: line for line in bench.standings}
    for arm in bench.suite.arms:
        if (line := lines[arm.name]).finished:
            place = Run(bench.suite, arm, bench.suite.first_seed).place
            surfaces.setdefault(teacher_of(arm), {})[place] = line
    return surfaces


def surface_rows(bench: BenchMaterial) -> Rows:
    """Header and a row for each point: accuracy of the reference, differences of the others."""
    found = read_surfaces(bench)
    places = sorted({place for own in found.values() for place in own})
    header = (*map(_words, bench.suite.axes), *found)
    rows = (
        (*map(_number, place), *(_text(own.get(place)) for own in found.values()))
        for place in places
    )
    return (header, *rows)


def surface_charts(bench: BenchMaterial) -> list[Chart]:
    """For each value of the first setting, every teacher over the second; on one scale.

    That of the second setting is logarithmic if all of its values are above 0.
    """
    found = read_surfaces(bench)
    first, second = map(_words, bench.suite.axes)
    scores = [line.test for own in found.values() for line in own.values() if line.test]
    scale = (min(s.mean for s in scores), max(s.mean for s in scores))
    note = errors(map(len, bench.runs.values()))
    places = {place for own in found.values() for place in own}
    log = min(place[1] for place in places) > 0
    charts = []
    for value in sorted({place[0] for place in places}):
        frame = Frame(f"{first} {_number(value)}", second, "test accuracy", note, scale, log=log)
        for styles in colored([*found]):
            lines = [Line(n, _points(n, found[n], value), style) for n, style in styles.items()]
            charts.append(line_chart(lines, frame))
    return charts


def _points(name: str, surface: Surface, first: float) -> list[Point]:
    return [
        Point(place[1], estimate_mark(f"{name}, {' by '.join(map(_number, place))}", line.test))
        for place, line in sorted(surface.items())
        if place[0] == first and line.test
    ]


def _shaded(surface: Surface, found: Mapping[str, Surface]) -> list[Sequence[str | Cell]]:
    """A row for each value of the first setting, a column for each of the second."""
    firsts, seconds = (sorted({place[axis] for place in surface}) for axis in (0, 1))
    most = max((abs(_change(line)) for own in found.values() for line in own.values()), default=0)
    rows: list[Sequence[str | Cell]] = [("", *map(_number, seconds))]
    for first in firsts:
        lines = [surface.get((first, second)) for second in seconds]
        rows.append((_number(first), *(_cell(line, most or 1) for line in lines)))
    return rows


def _cell(line: LeaderboardRow | None, most: float) -> Cell | str:
    if line is None:
        return ""
    p = f", p {show_p(line.p)}" if line.p == line.p else ""
    return Cell(_text(line), _change(line) / most, f"{line.arm}: n = {line.finished}{p}")


def _text(line: LeaderboardRow | None) -> str:
    """The difference from the reference; of the reference its accuracy."""
    if line is None:
        return ""
    if line.against:
        return line.against.difference.show("+.4f")
    return line.test.show(".4f") if line.test else ""


def _change(line: LeaderboardRow) -> float:
    return line.against.difference.mean if line.against else 0.0


def _number(value: float) -> str:
    return f"{value:,.10g}"


def _words(axis: str) -> str:
    table, _, name = axis.replace("_", " ").partition(".")
    return f"{table} ({name})" if name else table
