"""``teachgym watch``: the page of a run or a bench while it grows, for this machine alone."""

from __future__ import annotations

import sys
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from markupsafe import escape

from teachgym.assembly import describe
from teachgym.errors import RunError, TeachgymError, describe_os_error
from teachgym.experiment import config_of
from teachgym.report.html.material import RunMaterial, RunSoFar
from teachgym.report.html.page import PAGE, Page, page_bytes
from teachgym.report.html.run_page import page_so_far, run_page
from teachgym.runs.folder import RunFolder

SECONDS = 10
"""After which a browser asks again for a page that is still growing."""


def page_of_run(folder: Path) -> tuple[Page, bool]:
    """The page of a run as it is now, and whether it is the last one.

    Raises:
        RunError: if there is no run, or nothing of it to show yet.
    """
    run = RunFolder.open(folder)
    if run.result.exists():
        return run_page(RunMaterial.read(run)), True
    return page_so_far(RunSoFar.until_now(run), describe(config_of(folder))), False


def page_of_bench(folder: Path) -> tuple[Page, bool]:
    """The page of a bench as it is now, with links to its runs, and whether it is the last one."""
    from teachgym.benchmarks.bench.runner import read_suite
    from teachgym.benchmarks.pages.material import BenchMaterial
    from teachgym.benchmarks.pages.page import bench_page

    suite = read_suite(folder)
    bench = BenchMaterial.read(suite, folder)
    paths = {(cell.arm.name, cell.seed): f"{cell.path}/{PAGE}" for cell in suite.cells()}
    begun = {key: path for key, path in paths.items() if bench.states[key] != "missing"}
    return bench_page(replace(bench, pages=begun)), set(bench.states.values()) == {"finished"}


def find_page(folder: Path, path: str) -> tuple[Page, bool]:
    """The page at a path of the server: of the folder itself, or of a run of its bench.

    Raises:
        KeyError: if there is no page at this path.
        TeachgymError: if it cannot be made now.
    """
    if not (folder / "suite.json").exists():
        if path == "/":
            return page_of_run(folder)
        raise KeyError(path)
    if path == "/":
        return page_of_bench(folder)
    from teachgym.benchmarks.bench.runner import read_suite

    # By name, so that no path can lead out of the bench.
    runs = {f"/{cell.path}/{PAGE}": folder / cell.path for cell in read_suite(folder).cells()}
    return page_of_run(runs[path])


class Watcher(ThreadingHTTPServer):
    """Serves the pages of one folder to browsers on this machine; it changes nothing.

    Args:
        folder: of a run or of a bench.
        port: 0 = any that is free.
    """

    daemon_threads = True

    def __init__(self, folder: Path, port: int = 0) -> None:
        self.folder = folder
        super().__init__(("127.0.0.1", port), _Handler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of a browser that is gone before it has its page."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)

    @property
    def address(self) -> str:
        """The address to open in a browser."""
        return f"http://127.0.0.1:{self.server_port}/"


class _Handler(BaseHTTPRequestHandler):
    server: Watcher

    def do_GET(self) -> None:
        """Answer with the page as it is now."""
        # Another name for this address would let a page from elsewhere read what is here.
        hosts = {f"{name}:{self.server.server_port}" for name in ("127.0.0.1", "localhost")}
        if self.headers.get("Host") not in hosts:
            self._send(403, b"this server is for browsers on this machine", last=True)
            return
        try:
            page, last = find_page(self.server.folder, unquote(urlsplit(self.path).path))
        except KeyError:
            self._send(404, b"there is no page at this address", last=True)
        except (TeachgymError, OSError) as error:
            reason = describe_os_error(error) if isinstance(error, OSError) else str(error)
            said = f"{escape(reason)}; this page is asked for again every {SECONDS} seconds"
            self._send(503, said.encode("utf-8", "replace"), last=False)
        else:
            self._send(200, page_bytes(page), last=last)

    def _send(self, status: int, content: bytes, *, last: bool) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Cache-Control", "no-store")
        self.send_header("X-Content-Type-Options", "nosniff")
        if not last:
            self.send_header("Refresh", str(SECONDS))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: the terminal shows where the page is."""


def check_watchable(folder: Path) -> None:
    """See that there is something to watch.

    Raises:
        RunError: if the folder holds neither a run nor a bench.
    """
    if not (folder / "suite.json").exists() and not (folder / "config.json").exists():
        raise RunError(f"{folder} holds neither a run nor a bench; check the path")
