"""The page of a run: what is on it, and that texts stay texts."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest

from teachgym.errors import RunError
from teachgym.report.html import write_page, write_run_page
from teachgym.report.html.material import RunMaterial, RunSoFar
from teachgym.report.html.run_page import page_so_far, run_page
from teachgym.runs import RunFolder
from teachgym.runs.taught import read_taught
from tests.report.html.page_parts import (
    EVIL,
    SHOWN,
    Parts,
    make_run,
    page_of,
    poison,
    take_apart,
)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """A run of a skill tree."""
    return make_run(tmp_path_factory.mktemp("page") / "run")


@pytest.fixture(scope="module")
def page(finished: RunFolder) -> Parts:
    """Its page."""
    return take_apart(write_run_page(finished))


@pytest.fixture
def folder(finished: RunFolder, tmp_path: Path) -> RunFolder:
    """A copy of it."""
    shutil.copytree(finished.path, tmp_path / "run")
    return RunFolder.open(tmp_path / "run")


def test_a_page_shows_the_sections_that_its_run_has(page: Parts, tmp_path: Path) -> None:
    sections = ["learning", "skills", "teaching", "tree", "steps", "answers", "examples"]
    sections.append("spending")
    assert [a["id"] for a in page.all("section")] == sections
    links = [a["href"] for a in page.all("a") if "data-choice" not in a]
    assert links == [f"#{key}" for key in sections]
    other = take_apart(page_of(make_run(tmp_path / "list", "SkillList")))
    assert "tree" not in [a["id"] for a in other.all("section")]


def test_the_header_says_who_taught_whom_and_what_it_gained(
    finished: RunFolder, page: Parts
) -> None:
    gain, text = RunMaterial.read(finished).result.test.gain, page.text
    assert "random-tree teaches simulated student in teachgym/SkillTree-v0, seed 0" in text
    assert f"{100 * gain.mean:+.1f} ± {100 * gain.stderr:.1f} points on test" in text
    assert "budget.steps 2" in text
    assert "ended by: budget of steps" in text


def test_a_skill_leads_to_its_answers_and_its_examples(finished: RunFolder, page: Parts) -> None:
    links = [a for a in page.all("a") if "data-choice" in a]
    skills = {p.example.skill for p in RunMaterial.read(finished).test[0].predictions}
    led = {(a["href"], a["data-choice"]) for a in links}
    assert led == {("#answers", "skill"), ("#examples", "skill"), ("#examples", "step")}
    assert {a["data-value"] for a in links if a["href"] == "#answers"} == skills
    for section, data in (("#answers", "answer-data"), ("#examples", "example-data")):
        chosen = {a["data-choice"] for a in links if a["href"] == section}
        assert chosen <= {*page.records(data)["choices"]}


def test_every_example_and_every_answer_is_on_the_page(finished: RunFolder, page: Parts) -> None:
    run = RunMaterial.read(finished)
    data, answers = page.records("example-data"), page.records("answer-data")
    lines = [
        p.read_text().count("\n") for p in (finished.examples, finished.rejected) if p.exists()
    ]
    assert len(data["rows"]) == sum(lines) > 0
    assert len(answers["rows"]) == sum(len(before.predictions) for before, _ in run.pairs)
    for records in (data, answers):
        columns = sum(len(records[kind]) for kind in ("choices", "texts", "numbers"))
        assert {len(row) for row in records["rows"]} == {columns}


def test_every_accepted_example_is_shown_with_its_loss(finished: RunFolder, page: Parts) -> None:
    data = page.records("example-data")
    shown = [row[-1] for row in data["rows"] if row[0] == "accepted"]
    assert data["numbers"] == ["loss"]
    assert shown == [f"{loss:.3f}" for _, loss in read_taught(finished)]
    assert {row[-1] for row in data["rows"] if row[0] != "accepted"} <= {None}
    assert "Loss of the examples" in page.text


def test_a_run_from_before_losses_were_recorded_still_has_its_page(folder: RunFolder) -> None:
    lines = [json.loads(line) for line in folder.journal.read_text().splitlines()]
    for line in lines:
        for key in ("losses", "previous", "digest", "files"):
            line.pop(key, None)
    folder.journal.write_text("".join(json.dumps(line) + "\n" for line in lines))
    page = take_apart(page_of(folder))
    rows = page.records("example-data")["rows"]
    assert len(rows) == len(RunMaterial.read(folder).written) > 0
    assert {row[-1] for row in rows} == {None}
    assert "Loss of the examples" not in page.text


def test_a_student_that_could_not_be_measured_yet_has_a_page(finished: RunFolder) -> None:
    run = RunMaterial.read(finished)
    nothing = {"step": 0, "n": 0, "accuracy": None, "stderr": None}
    begun = RunSoFar(run.config, [nothing], {0: run.val[0]}, (), (), None)
    said = "After step 0: accuracy on val not measured at first, not measured now."
    assert page_so_far(begun, "title").lead == said


def test_large_costs_are_written_out(finished: RunFolder, tmp_path: Path) -> None:
    """In the last step 13,921 more tokens than before are spent."""
    run = RunMaterial.read(finished)
    *before, last = run.metrics
    spent = {"spent/train_tokens": before[-1]["spent/train_tokens"] + 13_921}
    dear = replace(run, metrics=[*before, {**last, **spent}])
    page = take_apart(write_page(tmp_path / "page.html", run_page(dear)))
    steps = page.text.partition("Costs are those of the step alone.")[2].partition("Answers b")[0]
    assert "13,921" in steps
    assert "e+" not in steps


def test_a_page_asks_nothing_of_the_network(page: Parts) -> None:
    loaded = [a[name] for _, a in page.elements for name in ("src", "href") if name in a]
    assert all(address.startswith(("#", "data:")) for address in loaded)
    (policy,) = (a["content"] for a in page.all("meta") if "http-equiv" in a)
    assert policy.startswith("default-src 'none';")
    assert "unsafe-inline" not in policy.split("script-src")[1]


def test_charts_can_be_read_aloud_and_names_are_unique(page: Parts) -> None:
    charts = page.all("svg")
    assert len(charts) >= 2  # the learning curve and the tree
    assert all(a["role"] == "img" and a["aria-label"] for a in charts)
    assert "n=" in charts[0]["aria-label"]
    names = [a["id"] for _, a in page.elements if "id" in a]
    assert len(names) == len(set(names))


def test_what_models_wrote_never_becomes_markup(folder: RunFolder, page: Parts) -> None:
    """Counts are those of the same page without the hostile texts."""
    harmless = page
    poison(folder, "copy")
    page = take_apart(write_run_page(folder))
    assert len(page.all("script")) == len(harmless.all("script")) == 3
    assert not page.all("img")
    assert not [name for _, a in page.elements for name in a if name.startswith("on")]
    assert page.scripts[-1] == harmless.scripts[-1]
    assert SHOWN not in harmless.text
    assert page.text.count(SHOWN) > 4
    assert SHOWN in page.text.split("teaches")[0]
    assert any(SHOWN in a["aria-label"] for a in page.all("svg"))
    texts = {text for row in page.records("answer-data")["rows"] for text in row}
    assert EVIL in texts
    assert not {"\u2028", "\u2029"} & set("".join(page.scripts))


@pytest.mark.slow
def test_the_figures_for_papers_are_the_same_each_time(folder: RunFolder) -> None:
    def written() -> dict[str, bytes]:
        write_run_page(folder)
        return {p.name: p.read_bytes() for p in (folder.path / "figures").iterdir()}

    first = written()
    names = ("learning_curve", "skills")
    assert sorted(first) == sorted(f"{name}.{kind}" for name in names for kind in ("png", "svg"))
    assert all(first[f"{name}.png"].startswith(b"\x89PNG") for name in names)
    assert "accuracy on val" in "".join(
        ElementTree.fromstring(first["learning_curve.svg"]).itertext()
    )
    assert written() == first


def test_a_run_that_is_not_finished_has_no_page_yet(folder: RunFolder) -> None:
    folder.result.unlink()
    with pytest.raises(RunError, match="is not finished; finish it with: teachgym resume"):
        write_run_page(folder)
