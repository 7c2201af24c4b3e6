"""Experiments that are stopped at the start, in a step or at the end end as if they were not."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from teachgym.experiment import RunConfig, env_id, is_finished, resume, run
from teachgym.runs import Journal, RunFolder, load_snapshot
from tests.runs.dying import Killed, contents, kill_after, stop_clocks

SMALL: dict[str, Any] = {
    "student": "simulated",
    "task_settings": {"val_per_cell": 1, "test_per_cell": 1, "train_per_cell": 1},
    "examples_per_step": 24,
    "limit": 24,
    "budget": {"steps": 3},
}


@pytest.fixture(autouse=True)
def _same_files_for_equal_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """No clock and no chance."""
    stop_clocks(monkeypatch)
    monkeypatch.setattr("teachgym.runs.provenance.token_hex", lambda n: "0" * 2 * n)
    monkeypatch.setattr("teachgym.runs.provenance.commit", lambda: None)


def config(**settings: Any) -> RunConfig:
    return RunConfig(**{"env_settings": SMALL, **settings})


@pytest.mark.sweep(1)
@pytest.mark.parametrize(
    ("env", "teacher"),
    [
        ("SkillList", "weakest"),
        ("SkillList", "exp3s"),
        ("SkillList", "alp-gmm"),
        ("SkillList", "oracle"),
        ("SkillTree", "random-tree"),
        ("OpenEnded", "pool"),
    ],
)
def test_a_run_stopped_after_a_step_ends_like_one_that_was_not(
    tmp_path: Path, env: str, teacher: str
) -> None:
    chosen = config(env=env_id(env), teacher=teacher)
    expected = run(chosen, tmp_path / "whole")
    for step in (1, 3):
        stopped = tmp_path / f"stopped {step}"
        with pytest.raises(Killed):
            run(chosen, stopped, observers=[kill_after(step)])
        assert not is_finished(stopped)
        assert asdict(resume(stopped)) == asdict(expected)
        assert contents(stopped) == contents(tmp_path / "whole")


def test_a_kill_at_any_moment_from_start_to_end_leaves_no_trace(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before and after every rename of a file or folder, the student's folder included.

    All but those of checkpoints, whose every moment is tried in tests/runs.
    """
    real = os.replace
    chosen = config(env_settings={**SMALL, "budget": {"steps": 1}})
    moments = 0

    def count(at: int) -> None:
        def deadly(source: Any, target: Any) -> None:
            nonlocal moments
            if Path(target).parent.name == "checkpoints":
                real(source, target)
                return
            for action in (lambda: real(source, target), lambda: None):
                moments += 1
                if moments == at:
                    raise Killed
                action()

        nonlocal moments
        moments = 0
        monkeypatch.setattr(os, "replace", deadly)

    count(0)
    run(chosen, tmp_path / "whole")
    expected, total = contents(tmp_path / "whole"), moments
    assert total > 15
    for at in range(1, total + 1):
        folder = tmp_path / f"killed-{at}"
        count(at)
        with pytest.raises(Killed):
            run(chosen, folder)
        count(0)
        if folder.exists():
            resume(folder)
        else:  # killed before there was a run
            run(chosen, folder)
        assert contents(folder) == expected, at


@pytest.mark.sweep(1)
@pytest.mark.parametrize(
    "place",
    [
        "teachgym.training.simulated.SimulatedTrainer.train",
        "teachgym.evaluation.GenerateAndGrade.evaluate",
        "teachgym.students.simulated.SimulatedStudent.export",
    ],
)
def test_a_run_that_died_inside_a_stage_ends_like_one_that_did_not(
    tmp_path: Path, place: str
) -> None:
    """In its first, second or fourth call, where there are so many."""
    expected = run(config(), tmp_path / "whole")
    owner, name = place.rsplit(".", 1)
    real = getattr(pytest.importorskip(owner.rsplit(".", 1)[0]), owner.rsplit(".", 1)[1])
    original = getattr(real, name)
    for call in (1, 2, 4):
        left, stopped = iter(range(call - 1, -1, -1)), tmp_path / f"stopped {call}"

        def deadly(*arguments: Any, left: Iterator[int] = left) -> Any:
            if next(left, 1) == 0:
                raise Killed
            return original(*arguments)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(place, deadly)
            try:
                run(config(), stopped)
            except Killed:
                assert not is_finished(stopped)
        assert asdict(resume(stopped)) == asdict(expected)
        assert contents(stopped) == contents(tmp_path / "whole")


def test_a_step_that_is_made_again_may_take_longer_than_it_did(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A step took 1 s; made again it takes 9, and those after it 1 s again: 3 s in all.

    In each step the engine's time is taken before that of the environment; here it is none.
    """
    chosen = config(keep={"snapshot_every": 3})

    def clock(*seconds: float) -> None:
        times = iter(
            [20.0 * i + time for i, taken in enumerate(seconds) for time in (0, 0, 0, taken)]
        )
        monkeypatch.setattr("teachgym.ledger.perf_counter", lambda: next(times))

    clock(1)
    with pytest.raises(Killed):
        run(chosen, tmp_path / "run", observers=[kill_after(1)])
    clock(9, 1, 1)
    assert resume(tmp_path / "run").spent.seconds == 3


def test_a_finished_run_is_not_touched_by_resuming(tmp_path: Path) -> None:
    expected = run(config(), tmp_path / "run")
    before = contents(tmp_path / "run")
    assert asdict(resume(tmp_path / "run")) == asdict(expected)
    assert contents(tmp_path / "run") == before


def test_a_process_killed_by_the_system_leaves_a_run_that_can_be_resumed(tmp_path: Path) -> None:
    """SIGKILL between two steps or inside one, wherever it lands before step 11."""
    long = {**SMALL, "budget": {"steps": 12}}
    (tmp_path / "run.json").write_text(json.dumps(asdict(config(env_settings=long))))
    script = (
        "import json, sys; from pathlib import Path; "
        "from teachgym.experiment import *; from teachgym.runs import provenance; "
        "provenance.commit = lambda: None; "
        "wait = lambda step, _: sys.stdin.read() if step == 10 else None; "
        "run(RunConfig.of(json.load(open(sys.argv[1]))), Path(sys.argv[2]), observers=[wait])"
    )
    folder = tmp_path / "killed"
    process = subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path / "run.json"), str(folder)],
        stdin=subprocess.PIPE,
    )
    assert process.stdin is not None
    journal = RunFolder(folder).journal
    patience = time.monotonic() + 60
    while not (journal.exists() and journal.read_bytes().count(b"\n") > 3):
        assert time.monotonic() < patience
        time.sleep(0.005)
    os.kill(process.pid, signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    process.stdin.close()
    assert not is_finished(folder)
    resumed = asdict(resume(folder))
    expected = asdict(run(config(env_settings=long), tmp_path / "whole"))
    for result in (resumed, expected):
        result["spent"]["seconds"] = 0
    assert resumed == expected
    # Clocks went on, so that ids and digests of files with seconds in them differ.
    differing = ("run", "files")
    journals = [
        [{k: v for k, v in line.items() if k not in differing} for line in Journal(path).lines]
        for path in (journal, tmp_path / "whole" / "journal.jsonl")
    ]
    for line in (journals[0][-1], journals[1][-1]):
        line["seconds"] = 0
    assert journals[0] == journals[1]


def test_a_language_model_is_resumed_bit_for_bit_and_exported_for_transformers(
    tmp_path: Path,
) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tiny = {**SMALL, "student": "tiny", "examples_per_step": 32, "budget": {"steps": 2}}
    chosen = config(env_settings=tiny, teacher="uniform", keep={"students": "all"})
    expected = run(chosen, tmp_path / "whole")
    with pytest.raises(Killed):
        run(chosen, tmp_path / "stopped", observers=[kill_after(1)])
    assert asdict(resume(tmp_path / "stopped")) == asdict(expected)
    files, resumed = contents(tmp_path / "whole"), contents(tmp_path / "stopped")
    assert resumed == files
    model = AutoModelForCausalLM.from_pretrained(tmp_path / "stopped" / "student")
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "stopped" / "student")
    last = load_snapshot(RunFolder(tmp_path / "stopped"), 2)
    best = last.best.checkpoint
    for name, weights in model.named_parameters():
        assert weights.detach().numpy().tobytes() == best.arrays[name].tobytes()
    assert tokenizer("copy abc=", add_special_tokens=False)["input_ids"]
    kept = AutoModelForCausalLM.from_pretrained(tmp_path / "stopped" / "students" / "step_002")
    assert last.checkpoint is not None
    for name, weights in kept.named_parameters():
        assert weights.detach().numpy().tobytes() == last.checkpoint.arrays[name].tobytes()


@pytest.mark.slow
def test_an_adapter_is_resumed_bit_for_bit_and_exported_for_peft(tmp_path: Path) -> None:
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    from teachgym.students.loading import load_model
    from teachgym.students.local.student import LanguageModelStudent

    lora = {
        **SMALL,
        "student": "tiny",
        "student_settings": {"adaptation": "lora", "rank": 4},
        "trainer_settings": {"learning_rate": 3e-3},
        "examples_per_step": 32,
        "budget": {"steps": 2},
    }
    chosen = config(env_settings=lora, teacher="uniform")
    run(chosen, tmp_path / "whole")
    with pytest.raises(Killed):
        run(chosen, tmp_path / "stopped", observers=[kill_after(1)])
    resume(tmp_path / "stopped")
    assert contents(tmp_path / "stopped") == contents(tmp_path / "whole")
    folder = tmp_path / "stopped" / "student"
    assert not (folder / "model.safetensors").exists()
    ids = load_model("tiny").tokenizer(["copy abc="], return_tensors="pt")["input_ids"]
    base = tmp_path / "base"
    LanguageModelStudent.load("tiny", device="cpu").export(base)
    adapted = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(base), folder)
    ours = LanguageModelStudent.load(str(folder), device="cpu")
    np.testing.assert_allclose(
        adapted(ids).logits.detach(), ours.model(ids).logits.detach(), rtol=1e-4, atol=1e-5
    )


@pytest.mark.slow
@pytest.mark.sweep(1)
@pytest.mark.parametrize("adaptation", ["full", "lora"])
def test_an_exported_language_model_can_be_taught_on(tmp_path: Path, adaptation: str) -> None:
    tiny = {
        **SMALL,
        "student": "tiny",
        "student_settings": {"adaptation": adaptation},
        "trainer_settings": {"learning_rate": 3e-3},
        "examples_per_step": 32,
        "budget": {"steps": 1},
    }
    first = run(config(env_settings=tiny), tmp_path / "first")
    again = {**tiny, "student": str(tmp_path / "first" / "student")}
    second = run(config(env_settings=again), tmp_path / "second")
    assert second.val.before == first.val.after
