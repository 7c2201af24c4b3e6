"""Students that are trained here and whose answers a vLLM server writes.

The weights that training changes are LoRA adapters on a model that stays in this process. Before
answering, the server is woken and given the adapters that have changed; while students are
trained it sleeps. Tested against a fake of the server's interface, not against vLLM itself.
"""

from __future__ import annotations

import hashlib
import shutil
import weakref
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import mkdtemp
from typing import Any
from uuid import uuid4

import torch

from teachgym.errors import ConfigError, UnsupportedError
from teachgym.students.local import student as local
from teachgym.students.local.decoding import DecodingRules, Request
from teachgym.students.local.network import Network
from teachgym.students.local.pool import StudentPool
from teachgym.students.settings import LanguageModelSettings
from teachgym.students.vllm.server import VllmServer

REQUESTS_AT_ONCE = 64
"""Requests under way at once; the server batches them."""

PLAIN_SAMPLING = {"top_p": 1.0, "top_k": 0, "min_p": 0.0, "repetition_penalty": 1.0}
"""Nothing of the model's own generation settings."""


class VllmStudent(local.LanguageModelStudent):
    """A student of a pool that ``serve_pool`` has given to a server.

    Greedy answers are those of the ``local`` backend up to rounding; vLLM's own may depend on
    what else is in a batch. Samples follow their seed, but are other ones than ``local``'s.
    """

    def fingerprint(self) -> str:
        """A hex digest of everything that affects answers, unlike the ``local`` backend's."""
        return hashlib.sha256(f"vllm {super().fingerprint()}".encode()).hexdigest()


class ServedAnswering:
    """Lets a server answer for the students of a pool, in place of ``Generator``.

    Args:
        pool: whose adapters the server is given.
        server: with the pool's base model.
    """

    def __init__(self, pool: StudentPool, server: VllmServer) -> None:
        self.pool, self.server = pool, server
        self._folder = Path(mkdtemp(prefix="teachgym-adapters-"))
        weakref.finalize(self, shutil.rmtree, self._folder, ignore_errors=True)
        self._loaded: dict[int, tuple[str, str]] = {}
        """Student -> fingerprint and name of its adapter on the server."""

    def __call__(
        self, questions: Sequence[Sequence[Request]], rules: DecodingRules
    ) -> list[list[list[int]]]:
        """Token ids that continue ``questions[k]`` for student k, ends included.

        Raises:
            UnsupportedError: for answers that a grammar bounds, since a server would ignore it.
        """
        if rules.automaton is not None:
            raise UnsupportedError(
                "a grammar bounds these answers, and a vLLM server is not told of it; load the "
                "model with backend='local'"
            )
        if not any(questions):
            return [[] for _ in questions]
        self.server.wake()
        shared = {
            "max_tokens": self.pool.max_new_tokens,
            "stop_token_ids": rules.ends.nonzero()[:, 0].tolist(),
            "stop": list(rules.stop),
            **PLAIN_SAMPLING,
        }
        adapters = {k: self._adapter(k) for k, own in enumerate(questions) if own}
        requests = [
            (student, part, {**shared, **chosen})
            for student in adapters
            for part, chosen in _parts(questions[student], rules.temperature)
        ]
        answers: list[list[list[int]]] = [[] for _ in questions]
        with ThreadPoolExecutor(REQUESTS_AT_ONCE) as threads:
            replies = threads.map(
                lambda r: self.server.complete(adapters[r[0]], [q.ids for q in r[1]], **r[2]),
                requests,
            )
            for (student, *_), tokens in zip(requests, replies, strict=True):
                answers[student] += tokens
        return answers

    def _adapter(self, student: int) -> str:
        """The name on the server of the student's adapter as it is now."""
        fingerprint = self.pool.fingerprint(student)
        before = self._loaded.get(student)
        if before is not None and before[0] == fingerprint:
            return before[1]
        # A new name each time: what the server remembers of prompts goes by the name.
        name = f"teachgym-{uuid4().hex}"
        base = self.pool.network.model.name_or_path
        self.pool.write_adapter(student, self._folder / name, base=base)
        self.server.load(name, self._folder / name)
        self._loaded[student] = fingerprint, name
        if before is not None:
            self.server.unload(before[1])
            shutil.rmtree(self._folder / before[1])
        return name


class ServedNetwork(Network):
    """A network that is trained while its server sleeps.

    Args:
        model: as for ``Network``.
        server: which needs the memory of the same GPU.
    """

    def __init__(self, model: Any, server: VllmServer) -> None:
        super().__init__(model)
        self.server = server

    @contextmanager
    def training(self) -> Iterator[None]:
        """See ``Network.training``."""
        self.server.sleep()
        with super().training():
            yield
        # What torch keeps in reserve for the next tensors is memory that the server needs.
        torch.cuda.empty_cache()


def serve_pool(pool: StudentPool, server: VllmServer) -> None:
    """Let ``server`` answer for the students of ``pool``, and sleep while they are trained.

    Raises:
        ConfigError: for students that are trained in full: a server takes adapters only.
    """
    if pool.lora is None:
        raise ConfigError(_LORA_ONLY)
    served: Any = pool
    served.network = ServedNetwork(pool.network.model, server)
    served.answer = ServedAnswering(pool, server)


def load_students(
    name_or_path: str, count: int, settings: LanguageModelSettings
) -> tuple[VllmStudent, ...]:
    """``count`` equal students around one model here and one server.

    The arguments are those of ``teachgym.students.local.student.load_students``. The setting
    ``server`` is the URL of a running one that has the same base model and sees this file system;
    without it one is started.

    Raises:
        UnknownNameError: if there is no such model, or it cannot be read.
        ConfigError: for ``adaptation="full"``, or a setting that the model does not allow.
        MissingExtraError: if vLLM is to be started but not installed.
        ServerError: if the server does not start or answer.
    """
    if settings.adaptation == "full":
        raise ConfigError(_LORA_ONLY)
    adapted = replace(settings, adaptation="lora")
    students = local.load_students(name_or_path, count, adapted)
    pool = students[0].pool
    if settings.server:
        server = VllmServer.connect(settings.server)
    else:
        server = VllmServer.start(
            pool.network.model.name_or_path,
            rank=pool.lora.rank if pool.lora else 1,
            count=count,
            dtype=str(pool.dtype).removeprefix("torch."),
            context=pool.texts.context,
        )
    serve_pool(pool, server)
    return tuple(VllmStudent(pool, s.index, base=s.base) for s in students)


_LORA_ONLY = (
    "the vllm backend trains adapters only; set student_settings.adaptation='lora', or "
    "student_settings.backend='local' to train all weights"
)


def _parts(
    questions: Sequence[Request], temperature: float
) -> Iterator[tuple[Sequence[Request], dict[str, Any]]]:
    """Questions that go into one request: all greedy ones, or one that has a seed of its own."""
    greedy = [q for q in questions if q.uniforms is None]
    if greedy:
        yield greedy, {"temperature": 0.0}
    for question in questions:
        if question.uniforms is not None:
            digest = hashlib.sha256(question.uniforms.numpy().tobytes()).digest()
            seed = int.from_bytes(digest[:4], "big")
            most = {"max_tokens": question.most} if question.most else {}
            yield [question], {"temperature": temperature, "seed": seed, **most}
