"""The report as one HTML file that opens offline, and its figures for papers.

``write_run_page`` is the whole of it for a run; the rest are the blocks that other pages, such as
those of benchmarks, are built from.
"""

from teachgym.report.figures import plain
from teachgym.report.html.cells import Cell, html_table
from teachgym.report.html.charts import (
    Axes,
    Line,
    Mark,
    Point,
    Row,
    figure,
    interval_chart,
    line_chart,
)
from teachgym.report.html.intervals import estimate_mark
from teachgym.report.html.page import FIGURES, PAGE, Page, Section, grid, write_page
from teachgym.report.html.paper import BLUE, GREY, paper_figure, save_figures
from teachgym.report.html.radar import radar_chart
from teachgym.report.html.run_page import write_run_page

__all__ = [
    "BLUE",
    "FIGURES",
    "GREY",
    "PAGE",
    "Axes",
    "Cell",
    "Line",
    "Mark",
    "Page",
    "Point",
    "Row",
    "Section",
    "estimate_mark",
    "figure",
    "grid",
    "html_table",
    "interval_chart",
    "line_chart",
    "paper_figure",
    "plain",
    "radar_chart",
    "save_figures",
    "write_page",
    "write_run_page",
]
