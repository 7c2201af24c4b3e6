"""Weigh pages and time how they load: python -m tests.report.html.measure_pages PAGE.html ...

Needs Chromium with its driver, Firefox, selenium and websocket-client. Times are the median of five
loads from disk, by the browser's own clock, until nothing more is loaded or run.
"""

from __future__ import annotations

import gzip
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

from tests.report.html.firefox import firefox

LOADED = "performance.getEntriesByType('navigation')[0].loadEventEnd"
ELEMENTS = "document.querySelectorAll('*').length"


def milliseconds(load: Callable[[], float]) -> float:
    """The median of five loads."""
    return median(load() for _ in range(5))


def measure(pages: list[Path]) -> None:
    """Print a row for each page."""
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu"):
        options.add_argument(argument)
    options.binary_location = shutil.which("chromium") or ""
    chromium = webdriver.Chrome(options, webdriver.ChromeService(shutil.which("chromedriver")))
    sys.stdout.write("| page | KiB | gzipped | elements | Chromium, ms | Firefox, ms |\n")
    sys.stdout.write("|---|---|---|---|---|---|\n")
    with TemporaryDirectory() as folder, firefox(Path(folder) / "profile") as fox:
        for page in pages:
            address, content = page.absolute().as_uri(), page.read_bytes()

            def in_chromium(address: str = address) -> Any:
                chromium.get(address)
                return chromium.execute_script(f"return {LOADED}")

            def in_firefox(address: str = address) -> Any:
                fox.open(address)
                return fox.evaluate(LOADED)

            times = milliseconds(in_chromium), milliseconds(in_firefox)
            kib = [f"{len(data) / 1024:,.0f}" for data in (content, gzip.compress(content))]
            cells = [str(page), *kib, str(fox.evaluate(ELEMENTS)), *(f"{t:,.0f}" for t in times)]
            sys.stdout.write(f"| {' | '.join(cells)} |\n")
    chromium.quit()


if __name__ == "__main__":
    measure([Path(name) for name in sys.argv[1:]])
