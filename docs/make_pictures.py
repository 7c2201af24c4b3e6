"""The pictures of README and docs, made by running what they show: python docs/make_pictures.py.

Needs Chromium. The run takes half a minute, on the student `tiny`.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory

from teachgym.experiment import RunConfig, run
from teachgym.report.html import write_run_page
from teachgym.runs import RunFolder

PICTURES = Path(__file__).parent / "tutorial"
WIDTH, HEIGHT = 1180, 1240


def photograph(page: Path, picture: Path) -> None:
    """The top of a page, as a browser shows it."""
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if browser is None:
        raise SystemExit("chromium is not installed")
    options = ("--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars")
    size, to = f"--window-size={WIDTH},{HEIGHT}", f"--screenshot={picture}"
    subprocess.run([browser, *options, size, to, page.as_uri()], check=True, capture_output=True)


def main() -> None:
    """Teach, draw the page, and photograph it."""
    with TemporaryDirectory() as temporary:
        folder = Path(temporary) / "alp"
        run(RunConfig(env_settings={"student": "tiny"}, teacher="alp"), folder)
        photograph(write_run_page(RunFolder.open(folder)), PICTURES / "page.png")


if __name__ == "__main__":
    main()
