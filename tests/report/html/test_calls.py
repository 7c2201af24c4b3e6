"""The calls of chat models on the page of a run."""

from __future__ import annotations

from pathlib import Path

import pytest

from teachgym.experiment import RunConfig, run
from teachgym.report.html.calls import MOST_TOKENS, Call, call_browser, read_asked
from teachgym.report.html.material import RunSoFar
from teachgym.report.html.run_page import page_so_far
from teachgym.runs import RunFolder
from teachgym.runs.journal import Journal
from tests.report.html.page_parts import page_of, take_apart


@pytest.fixture(scope="module")
def taught(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """A run of two steps with a scripted chat model as its teacher."""
    settings = {
        "student": "simulated",
        "task_settings": {"val_per_cell": 1, "test_per_cell": 1, "train_per_cell": 1},
        "examples_per_step": 20,
        "budget": {"steps": 2},
    }
    chat = {
        "provider": "python",
        "model": "teachgym.benchmarks.bench.scripted_teacher:answer",
    }
    folder = tmp_path_factory.mktemp("page") / "run"
    run(RunConfig("teachgym/OpenEnded-v0", settings, "llm", chat=chat), folder)
    return RunFolder.open(folder)


def test_calls_are_those_of_the_journal_by_step(taught: RunFolder) -> None:
    lines = Journal(taught.journal).steps
    calls = read_asked(taught)
    assert [call.step for call in calls] == [n for n in (1, 2) for _ in lines[n - 1]["calls"]]
    assert {call.step for call in read_asked(taught, 1)} == {1}
    assert [m["role"] for m in calls[0].messages] == ["system", "user"]
    assert calls[0].reply.startswith('{"items": [{"skill": ')


def test_a_page_shows_them_with_the_observation_and_the_reply(taught: RunFolder) -> None:
    page = take_apart(page_of(taught))
    assert "What chat models saw and said" in page.text
    found = page.records("call-data")
    first = read_asked(taught)[0]
    step, asked, reply = found["rows"][0]
    assert (found["choices"], found["texts"], step) == (["step"], ["asked", "reply"], "1")
    assert asked.startswith("[system]\nYou are a teacher.")
    assert "Mistakes of the student" in asked.partition("\n\n[user]\n")[2]
    assert reply == first.reply
    assert len(found["rows"]) == len(read_asked(taught))


def test_a_page_shows_those_of_whole_steps_while_a_run_goes_on(taught: RunFolder) -> None:
    so_far = RunSoFar.until_now(taught)
    assert so_far.calls == read_asked(taught)
    keys = [section.key for section in page_so_far(so_far, "live").sections]
    assert keys.index("calls") == keys.index("reasons") + 1


def test_a_run_without_a_record_of_calls_has_none(taught: RunFolder, tmp_path: Path) -> None:
    """As with ``--chat-store`` somewhere else, or where the record was removed."""
    (tmp_path / "journal.jsonl").write_bytes(taught.journal.read_bytes())
    assert read_asked(RunFolder(tmp_path)) == ()


def test_long_texts_are_cut_in_the_middle() -> None:
    long = "a" * (4 * MOST_TOKENS) + "end"
    [row] = call_browser("k", [Call(1, [{"role": "user", "content": long}], long)]).rows
    for text in (str(row[1]).removeprefix("[user]\n"), str(row[2])):
        assert len(text) == 4 * MOST_TOKENS
        assert text.startswith("a")
        assert text.endswith("aend")
        assert " [...] " in text
