"""The vLLM backend against a fake of the server's interface; no vLLM is run here."""

from __future__ import annotations

import runpy
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from teachgym.benchmarks.models.tokenizers import make_tokenizer
from teachgym.errors import ConfigError, MissingExtraError, UnsupportedError
from teachgym.students import make_student, make_students
from teachgym.students.local.automaton import Automaton
from teachgym.students.local.sampling import Asked, sample_tokens
from teachgym.students.vllm import server as vllm_server
from teachgym.students.vllm.server import ServerError, VllmServer, serve_command
from teachgym.students.vllm.student import VllmStudent
from teachgym.testing import ToyTask, check_student, check_trainer
from teachgym.training import make_trainer
from teachgym.types import Prompt
from tests.students.models import make_model, scatter_adapters
from tests.students.vllm import fake_server
from tests.students.vllm.fake_server import FakeVllm

TASK = ToyTask(per_cell=1)
DATA = TASK.examples("train")[:8]
TEXTS = ("copy ab=", "rev abc=", "add 12+34=", "rev xyz=", "x")
PROMPTS = [Prompt(text) for text in TEXTS]
SETTINGS: dict[str, Any] = {"rank": 2, "max_new_tokens": 6, "dropout": 0.0}
LOAD, UNLOAD, COMPLETE, SLEEP, WAKE = (
    ("POST", path)
    for path in (
        "/v1/load_lora_adapter",
        "/v1/unload_lora_adapter",
        "/v1/completions",
        "/sleep?level=1",
        "/wake_up",
    )
)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a small model with random weights."""
    folder = tmp_path_factory.mktemp("base")
    make_model().save_pretrained(folder)
    make_tokenizer().save_pretrained(folder)
    return folder


@pytest.fixture
def fake(base: Path) -> Iterator[FakeVllm]:
    with FakeVllm(base).serving() as server:
        yield server


def students_at(fake: FakeVllm, count: int = 1, **settings: Any) -> tuple[VllmStudent, ...]:
    """Students with adapters that do something, different for each."""
    made: Any = make_students(
        str(fake.base), TASK, count, backend="vllm", server=fake.url, **SETTINGS, **settings
    )
    scatter_adapters(made[0].pool)
    fake.requests.clear()
    return tuple(made)


def local_twin(student: VllmStudent, fake: FakeVllm) -> Any:
    """A local student with the same adapter."""
    twin = make_student(str(fake.base), TASK, adaptation="lora", **SETTINGS)
    twin.restore(student.save())
    return twin


# -- answers ---------------------------------------------------------------------------------


def test_answers_are_those_of_a_local_student_with_the_same_adapter(fake: FakeVllm) -> None:
    """The fake numbers its answers and sends them backwards."""
    (student,) = students_at(fake)
    answers = student.generate(PROMPTS)
    assert answers == local_twin(student, fake).generate(PROMPTS)
    assert len(set(answers)) == len(PROMPTS)


def test_prompts_go_in_one_greedy_request_as_token_ids(fake: FakeVllm) -> None:
    """Token 1 is the end of the small models."""
    (student,) = students_at(fake)
    student.generate(PROMPTS)
    assert fake.requests == [LOAD, COMPLETE]
    (body,) = fake.bodies
    assert body.pop("model") in fake.adapters
    assert body == {
        "prompt": student.encode(TEXTS),
        "max_tokens": 6,
        "temperature": 0.0,
        "stop": [],
        "stop_token_ids": [1],
        "return_token_ids": True,
        "top_p": 1.0,
        "top_k": 0,
        "min_p": 0.0,
        "repetition_penalty": 1.0,
    }


def test_the_server_is_told_of_samples_that_must_be_shorter(fake: FakeVllm) -> None:
    (student,) = students_at(fake)
    asked = [[Asked((5, 6), 0, "a", most=3), Asked((5, 6), 0, "b")]]
    (answers,) = sample_tokens(student.pool, asked, k=1, temperature=1.0)
    assert sorted(body["max_tokens"] for body in fake.bodies) == [3, 6]
    assert len(answers[0][0]) <= 3


def test_answers_that_a_grammar_bounds_are_refused_and_not_asked_for(fake: FakeVllm) -> None:
    (student,) = students_at(fake)
    automaton = Automaton.of({"begin": {"a": "end"}, "end": {"": ""}}, student.pool.texts)
    asked = [[Asked((5, 6), 0, "a")]]
    with pytest.raises(UnsupportedError, match=r"grammar.*backend='local'"):
        sample_tokens(student.pool, asked, k=1, temperature=1.0, automaton=automaton)
    assert fake.requests == []


def test_no_prompts_need_no_server(fake: FakeVllm) -> None:
    (student,) = students_at(fake)
    assert student.generate([]) == []
    assert fake.requests == []


def test_answers_end_before_stop_strings_and_the_server_is_told_of_them(fake: FakeVllm) -> None:
    """One string of one character, which is a token, and one of two."""
    (student,) = students_at(fake)
    prompt, whole = max(
        zip(PROMPTS, student.generate(PROMPTS), strict=True), key=lambda p: len(p[1])
    )
    stop = (whole[4], whole[2:4])
    expected = whole[: min(whole.index(s) for s in stop)]
    assert student.generate([prompt], stop=stop) == [expected]
    (one_character,) = student.encode(stop[:1])[0]
    assert fake.bodies[1]["stop"] == list(stop)
    assert sorted(fake.bodies[1]["stop_token_ids"]) == sorted([1, one_character])
    student.generate([prompt])
    assert fake.bodies[2]["stop"] == []


def test_samples_have_a_seed_each_and_do_not_depend_on_what_else_is_asked(fake: FakeVllm) -> None:
    (student,) = students_at(fake)
    samples = student.sample(PROMPTS, k=3, temperature=2.0, seed=5)
    assert len({body["seed"] for body in fake.bodies}) == len(PROMPTS) * 3
    assert {body["temperature"] for body in fake.bodies} == {2.0}
    assert len({answer for own in samples for answer in own}) > 10
    assert student.sample(PROMPTS[2:3], k=2, temperature=2.0, seed=5) == [samples[2][:2]]
    assert student.sample(PROMPTS[:1], k=3, temperature=2.0, seed=6) != samples[:1]


def test_students_of_one_pool_have_an_adapter_each(fake: FakeVllm) -> None:
    first, second = students_at(fake, 2)
    asked = [PROMPTS[:3], PROMPTS]
    together = first.generate_together([first, second], asked)
    assert fake.requests[:2] == [LOAD, LOAD]
    assert len(fake.adapters) == 2
    assert together == [first.generate(asked[0]), second.generate(asked[1])]
    assert together[1] == local_twin(second, fake).generate(PROMPTS)
    assert together[0] != together[1][:3]


# -- weights ---------------------------------------------------------------------------------


def test_an_adapter_is_sent_again_only_after_it_has_changed(fake: FakeVllm) -> None:
    (student,) = students_at(fake)
    start, answers = student.save(), student.generate(PROMPTS)
    student.generate(PROMPTS)
    assert fake.requests == [LOAD, COMPLETE, COMPLETE]
    (folder,) = fake.adapters.values()
    scatter_adapters(student.pool, seed=1)
    assert student.generate(PROMPTS) != answers
    assert fake.requests[3:] == [LOAD, UNLOAD, COMPLETE]
    assert len(fake.adapters) == 1
    assert not Path(folder).exists()
    student.restore(start)
    assert student.generate(PROMPTS) == answers


def test_the_server_sleeps_during_training_and_is_woken_to_answer(fake: FakeVllm) -> None:
    (student,) = students_at(fake)
    before = student.generate(PROMPTS)
    fake.requests.clear()
    trainer = make_trainer(student, learning_rate=0.05)
    trainer.train(student, DATA, np.random.default_rng(0))
    assert fake.requests == [SLEEP]
    trainer.train(student, DATA, np.random.default_rng(1))
    assert fake.requests == [SLEEP]
    after = student.generate(PROMPTS)
    assert fake.requests == [SLEEP, WAKE, LOAD, UNLOAD, COMPLETE]
    assert after == local_twin(student, fake).generate(PROMPTS)
    assert after != before


def test_a_server_without_sleep_mode_stays_awake(fake: FakeVllm) -> None:
    fake.can_sleep = False
    (student,) = students_at(fake)
    make_trainer(student).train(student, DATA, np.random.default_rng(0))
    student.generate(PROMPTS)
    assert fake.requests == [LOAD, COMPLETE]


def test_a_server_that_sleeps_already_is_woken(fake: FakeVllm) -> None:
    fake.asleep = True
    (student,) = students_at(fake)
    student.generate(PROMPTS)
    assert fake.requests == [WAKE, LOAD, COMPLETE]


def test_the_students_keep_their_contracts(fake: FakeVllm) -> None:
    (student,) = students_at(fake)
    check_student(student, PROMPTS)
    check_trainer(make_trainer(student, learning_rate=0.05), student, DATA)


def test_the_fingerprint_follows_the_weights_and_is_not_the_local_one(fake: FakeVllm) -> None:
    (student,) = students_at(fake)
    before = student.fingerprint()
    assert before != local_twin(student, fake).fingerprint()
    assert student.fingerprint() == before
    scatter_adapters(student.pool, seed=1)
    assert student.fingerprint() != before


# -- the process -----------------------------------------------------------------------------


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The fake is what ``vllm`` starts."""
    program = tmp_path / "bin" / "vllm"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec {sys.executable} {fake_server.__file__} "$@"\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent), prepend=":")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))


OPTIONS: dict[str, Any] = {"rank": 12, "count": 3, "dtype": "bfloat16", "context": 512}


def test_the_command_line_is_complete() -> None:
    """Rank 12 is served as 16, the next that vLLM allows; a spare adapter for each of three."""
    words = serve_command("some/model", 8123, **OPTIONS)
    assert words[:5] == ["vllm", "serve", "some/model", "--enable-lora", "--enable-sleep-mode"]
    assert dict(zip(words[5::2], words[6::2], strict=True)) == {
        "--host": "127.0.0.1",
        "--port": "8123",
        "--dtype": "bfloat16",
        "--max-model-len": "512",
        "--gpu-memory-utilization": "0.5",
        "--max-lora-rank": "16",
        "--max-loras": "3",
        "--max-cpu-loras": "6",
        "--generation-config": "vllm",
    }


@pytest.mark.usefixtures("installed")
def test_a_server_is_started_for_the_students_and_ended(base: Path, tmp_path: Path) -> None:
    """The started fake checks the two environment variables; its log goes when it does."""
    student: Any = make_student(str(base), TASK, backend="vllm", **SETTINGS)
    server = student.pool.answer.server
    process = server._process
    assert process.poll() is None
    assert len(list(tmp_path.glob("*.log"))) == 1
    server.close()
    assert process.poll() is not None
    assert not list(tmp_path.glob("*.log"))


@pytest.mark.usefixtures("installed")
def test_a_server_that_does_not_start_shows_the_end_of_its_log() -> None:
    with pytest.raises(ServerError, match=r"exit code 1; its log ends with:\n[^$]*no kernel image"):
        VllmServer.start("broken", **OPTIONS)


@pytest.mark.usefixtures("installed")
def test_a_server_that_is_not_ready_in_time_is_ended(tmp_path: Path) -> None:
    with pytest.raises(ServerError, match=r"not ready after 1 seconds"):
        VllmServer.start("slow", startup_seconds=1, **OPTIONS)
    assert not list(tmp_path.glob("*.log"))


@pytest.mark.usefixtures("installed")
def test_a_server_that_has_died_is_named(base: Path) -> None:
    student: Any = make_student(str(base), TASK, backend="vllm", **SETTINGS)
    process = student.pool.answer.server._process
    process.kill()
    process.wait()
    with pytest.raises(ServerError, match="vLLM has ended with exit code -9"):
        student.generate(PROMPTS)


# -- errors ----------------------------------------------------------------------------------


def test_without_vllm_the_extra_is_named(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(MissingExtraError, match=r"vllm is not installed.*teachgym\[vllm\]"):
        make_student(str(base), TASK, backend="vllm", **SETTINGS)


def test_without_httpx_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "httpx", None)
    with pytest.raises(MissingExtraError, match=r"httpx is not installed.*teachgym\[vllm\]"):
        runpy.run_path(vllm_server.__file__)


def test_training_in_full_is_refused(base: Path) -> None:
    with pytest.raises(ConfigError, match=r"trains adapters only; set .*adaptation='lora'"):
        make_student(str(base), TASK, backend="vllm", adaptation="full")


def test_a_rank_above_what_vllm_serves_is_refused() -> None:
    with pytest.raises(ConfigError, match="rank is 513; vLLM serves adapters up to rank 512"):
        serve_command("m", 1, rank=513, count=1, dtype="bfloat16", context=512)


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("/v1/load_lora_adapter", r"status 503: .*no room.*VLLM_ALLOW_RUNTIME_LORA_UPDATING=1"),
        ("/v1/completions", r"status 503: .*no room.*--max-model-len"),
    ],
)
def test_a_refusal_has_its_status_its_text_and_a_fix(
    fake: FakeVllm, path: str, message: str
) -> None:
    (student,) = students_at(fake)
    fake.refusals[path] = (503, "no room")
    with pytest.raises(ServerError, match=message):
        student.generate(PROMPTS)
    fake.refusals.clear()
    assert student.generate(PROMPTS) == local_twin(student, fake).generate(PROMPTS)


def test_answers_without_token_ids_are_refused(fake: FakeVllm) -> None:
    (student,) = students_at(fake)
    fake.without_ids = True
    with pytest.raises(ServerError, match=r"5 of them without token ids; use vLLM 0\.11 or later"):
        student.generate(PROMPTS)


def test_an_answer_that_takes_too_long_is_an_error(fake: FakeVllm, tmp_path: Path) -> None:
    (student,) = students_at(fake)
    student.export(tmp_path)
    VllmServer(fake.url).load("mine", tmp_path)
    server = VllmServer(fake.url, seconds=0.1)
    fake.pause = 60
    with pytest.raises(ServerError, match=r"no answer .* to POST /v1/completions \(ReadTimeout"):
        server.complete("mine", [], max_tokens=1)


@pytest.mark.parametrize(
    ("url", "error", "message"),
    [
        ("http://127.0.0.1:9", ServerError, "no answer .*http://127.0.0.1:9.*URL is right"),
        (
            "127.0.0.1:9",
            ConfigError,
            "server is not the address of a server .*http://localhost:8000",
        ),
        ("http://here:port", ConfigError, "server is not the address of a server .*'port'"),
    ],
)
def test_a_server_that_is_not_there_is_named(
    base: Path, url: str, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        make_student(str(base), TASK, backend="vllm", server=url, **SETTINGS)
