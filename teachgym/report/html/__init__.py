"""The report as one HTML file that opens offline, and its figures for papers.

``write_run_page`` is the whole of it for a run; the rest are the blocks that other pages, such as
those of benchmarks, are built from.
"""

from teachgym.report.html.cells import Cell, html_table
from teachgym.report.html.charts import figure, grid
from teachgym.report.html.page import FIGURES, PAGE, Page, Section, write_page
from teachgym.report.html.run_page import write_run_page

__all__ = [
    "FIGURES",
    "PAGE",
    "Cell",
    "Page",
    "Section",
    "figure",
    "grid",
    "html_table",
    "write_page",
    "write_run_page",
]
