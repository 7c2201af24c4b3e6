"""``teachgym watch``: pages while a run goes on, for this machine alone."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path
from threading import Thread

import pytest
from typer.testing import CliRunner

from teachgym.cli import app
from teachgym.cli.watch import Watcher, page_of_run
from teachgym.errors import RunError
from teachgym.report.html.material import RunMaterial, RunSoFar
from teachgym.runs import RunFolder
from teachgym.runs.journal import Journal
from tests.benchmarks.bench.small_bench import SUITE, run_all
from tests.report.html.page_parts import make_run


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    return make_run(tmp_path_factory.mktemp("watched") / "run")


@pytest.fixture
def going_on(finished: RunFolder, tmp_path: Path) -> RunFolder:
    """The run after its first step, in the middle of its second: the journal ends before it."""
    folder = RunFolder(shutil.copytree(finished.path, tmp_path / "run"))
    folder.result.unlink()
    lines = folder.journal.read_text().splitlines(keepends=True)
    steps = [n for n, line in enumerate(lines) if "step" in json.loads(line)]
    folder.journal.write_text("".join(lines[: steps[0] + 1]))
    for name in ("state", "weights"):
        for path in folder.checkpoints.glob(f"{name}_002*"):
            path.rename(path.with_name(path.name.replace("002", "001")))
    return folder


@contextmanager
def serving(folder: Path) -> Iterator[Watcher]:
    with Watcher(folder) as server:
        thread = Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


def get(server: Watcher, path: str = "/", host: str = "") -> tuple[HTTPResponse, str]:
    connection = HTTPConnection("127.0.0.1", server.server_port, timeout=60)
    connection.request("GET", path, headers={"Host": host or f"127.0.0.1:{server.server_port}"})
    response = connection.getresponse()
    return response, response.read().decode()


def test_a_run_that_goes_on_shows_its_whole_steps_alone(going_on: RunFolder) -> None:
    assert Journal(going_on.journal).n_steps == 1
    run = RunSoFar.until_now(going_on)
    assert len(run.curve) == len(run.metrics) == 2
    assert [*run.val] == [0, 1]
    assert {w.step for w in run.written} == {1}
    page, last = page_of_run(going_on.path)
    assert not last
    assert page.lead.startswith("After step 1: accuracy on val ")
    assert "answers" not in {section.key for section in page.sections}
    [skills] = next(section for section in page.sections if section.key == "skills").parts
    assert "gain on val" in skills
    assert "gain on test" not in skills


def test_the_curve_until_now_is_that_of_the_result(finished: RunFolder) -> None:
    assert [*RunSoFar.until_now(finished).curve] == [*RunMaterial.read(finished).result.curve]


def test_a_browser_is_sent_back_until_the_run_is_finished(
    going_on: RunFolder, finished: RunFolder
) -> None:
    for folder, refresh in ((going_on, "10"), (finished, None)):
        with serving(folder.path) as server:
            response, text = get(server)
            assert response.status == 200
            assert response.getheader("Refresh") == refresh
            assert "random-tree teaches simulated student" in text


def test_what_is_not_there_yet_is_asked_for_again(going_on: RunFolder) -> None:
    going_on.metrics.write_text("")
    with serving(going_on.path) as server:
        response, text = get(server)
    assert (response.status, response.getheader("Refresh")) == (503, "10")
    assert "has not evaluated the untrained student yet" in text


def test_a_browser_that_is_gone_is_nothing_to_talk_about(
    finished: RunFolder, capfd: pytest.CaptureFixture[str]
) -> None:
    with Watcher(finished.path) as server:
        for error in (ConnectionResetError, BrokenPipeError, ZeroDivisionError):
            try:
                raise error
            except (ConnectionError, ZeroDivisionError):
                server.handle_error(None, ("127.0.0.1", 1))
    said = capfd.readouterr().err
    assert "ZeroDivisionError" in said
    assert "ConnectionResetError" not in said
    assert "BrokenPipeError" not in said


@pytest.mark.parametrize("path", ["/config.json", "/../run/", "/%2e%2e/x", "/report.html"])
def test_nothing_but_the_page_is_served(finished: RunFolder, path: str) -> None:
    with serving(finished.path) as server:
        assert get(server, path)[0].status == 404


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "127.0.0.1"])
def test_pages_from_elsewhere_cannot_read_it(finished: RunFolder, host: str) -> None:
    with serving(finished.path) as server:
        assert get(server, host=host)[0].status == 403


def test_a_bench_leads_to_its_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    run_all(SUITE.narrowed(("weak",), 1), Path("b"))
    shutil.rmtree("b/uniform")
    with serving(Path("b")) as server:
        response, text = get(server)
        assert (response.status, response.getheader("Refresh")) == (200, "10")
        assert 'href="weak/seed_00/report.html"' in text
        assert "uniform/seed_00/report.html" not in text
        assert "weakest teaches" in get(server, "/weak/seed_00/report.html")[1]
        assert get(server, "/uniform/seed_00/report.html")[0].status == 503
        assert get(server, "/weak/seed_00/config.json")[0].status == 404


def test_there_must_be_something_to_watch(tmp_path: Path) -> None:
    outcome = CliRunner().invoke(app, ["watch", str(tmp_path)])
    assert outcome.exit_code == 2
    assert "holds neither a run nor a bench" in outcome.stderr
    with pytest.raises(RunError, match="holds no run"):
        page_of_run(tmp_path)
