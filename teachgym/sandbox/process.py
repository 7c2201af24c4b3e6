"""``Process``: one worker in a provider's sandbox, and the communication with it.

What a program was asked, and what it must answer, are on this side alone. Its answers come over a
pipe as plain data, each with the nonce of the question; whatever else comes is none. A worker that
says anything unexpected, or nothing in time, is killed and replaced.
"""

from __future__ import annotations

import json
import os
import secrets
import selectors
import signal
import struct
import subprocess
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from math import ceil
from pathlib import Path
from socket import create_server
from typing import Any

from teachgym.errors import ConfigError
from teachgym.sandbox import syscalls, values, worker
from teachgym.sandbox.providers import Provider
from teachgym.sandbox.values import decode, encode
from teachgym.shown import in_short

_START = 30.0  # Seconds that a worker may take to be ready.
_GRACE = 5.0  # Seconds, after its deadline, for a program to be gone.
_PIECE = 65_536


CLOCK = 10
"""Seconds by the clock for a second of processor time; a program that sleeps has these."""


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of a program."""

    seconds: float = 3.0
    """The seconds of processor time, rounded up to whole ones: what else the machine does changes
    no verdict. By the clock it may take ``CLOCK`` times as long."""
    memory: int = 512 * 2**20
    """Bytes of address space, with the interpreter's own 50 MB or so."""
    output: int = 2**20
    """Bytes that it may print, and bytes that its answers may have together."""


@dataclass(frozen=True, slots=True)
class Job:
    """A program with its calls."""

    source: str
    entry: str = ""
    """An expression for what is called, such as ``add`` or ``Solution().add``; empty = the program
    is run as a script, and its one answer is what it prints."""
    calls: tuple[tuple[Any, ...], ...] = ()
    """The arguments of each call, plain data; all are made in one process, in this order."""
    stdin: str = ""
    """The input that a script can read."""
    limits: Limits = Limits()

    __repr__ = in_short


@dataclass(frozen=True, slots=True)
class Answer:
    """The result of a call, or of a script."""

    value: Any = None
    """The value that it returned, as plain data, or the text that it printed."""
    fault: str = ""
    """The reason for the missing value; empty = there is one."""

    __repr__ = in_short


@dataclass(frozen=True, slots=True)
class Outcome:
    """The answers of a program, one for each call."""

    answers: tuple[Answer, ...]
    provider: str
    """Behind whose walls it ran."""

    __repr__ = in_short

    @property
    def fault(self) -> str:
        """The first fault of an answer; empty = there is none."""
        return next((answer.fault for answer in self.answers if answer.fault), "")


class Process:
    """A worker that is started when it is needed, and again after it was killed."""

    def __init__(self, provider: Provider) -> None:
        self._provider = provider
        self._running: subprocess.Popen[bytes] | None = None

    def run(self, job: Job) -> Outcome:
        """Run a program and read its answers; a missing answer is a fault.

        Raises:
            ConfigError: if no worker can be started, or the walls do not stand.
        """
        answers, ended = _Talk(self.start(), job).hear()
        if ended is _Lost:
            self.stop()
            ended = "the program ended without an answer, or with one that is too long"
        wanted = max(len(job.calls), 1)
        missing = (Answer(fault=ended),) * (wanted - len(answers))
        return Outcome((*answers[:wanted], *missing), self._provider.name)

    def start(self) -> subprocess.Popen[bytes]:
        """The running worker, or a new one in a tested sandbox."""
        if self._running is None:
            with tempfile.NamedTemporaryFile() as canary, create_server(("127.0.0.1", 0)) as server:
                port = server.getsockname()[1]
                arguments = ["-I", "-S", "-c", _bootstrap(), canary.name, str(port)]
                self._running = subprocess.Popen(
                    self._provider.command(arguments),
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                    env={**os.environ, worker.CANARY: "seen"},
                    start_new_session=True,  # Ctrl-C is for this process alone.
                    bufsize=0,
                )
                try:
                    self._await_ready(self._running)
                except BaseException:
                    self.stop()
                    raise
        return self._running

    def stop(self) -> None:
        """Kill the worker, if there is one."""
        if self._running is not None:
            process, self._running = self._running, None
            process.kill()
            process.wait()
            for stream in (process.stdin, process.stdout, process.stderr):
                assert stream is not None
                with suppress(OSError):
                    stream.close()

    def _await_ready(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stderr is not None
        until = time.monotonic() + _START
        first = _read(process.stderr.fileno(), 4, until)
        size = struct.unpack("<I", first)[0] if len(first) == 4 else -1
        # Anything but a short list is an error text of the provider or of the interpreter.
        said = first + _read(process.stderr.fileno(), min(size, _PIECE) % _PIECE, until)
        try:
            faults = json.loads(said[4:])
        except ValueError:
            process.kill()
            said += _read(process.stderr.fileno(), _PIECE, until)
            text = " ".join(said.decode(errors="replace").split()) or "it says nothing"
            raise ConfigError(f"{self._provider.name} does not start: {text[-300:]}") from None
        if faults:
            raise ConfigError(f"{self._provider.name} does not hold: {'; '.join(faults)}")
        if _read(process.stderr.fileno(), 4, until) != b"\0\0\0\0":
            raise ConfigError(
                f"{self._provider.name} does not start: its worker does not get ready"
            )


class _Lost:
    """Stands for the end of a worker that cannot be used again."""


class _Talk:
    """One program's part of the talk with a worker: write, and hear both of its streams."""

    def __init__(self, process: subprocess.Popen[bytes], job: Job) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        self._in, self._out, self._status = (
            stream.fileno() for stream in (process.stdin, process.stdout, process.stderr)
        )
        self._limits = job.limits
        self._nonce = secrets.token_bytes(worker.NONCE)
        self._unsent = memoryview(_question(job, self._nonce))
        self._heard, self._ended = b"", b""

    def hear(self) -> tuple[tuple[Answer, ...], Any]:
        """The answers, and why there are no more."""
        until = time.monotonic() + CLOCK * self._limits.seconds + _GRACE
        for stream in (self._in, self._out, self._status):
            os.set_blocking(stream, False)
        with selectors.DefaultSelector() as waiting:
            waiting.register(self._in, selectors.EVENT_WRITE)
            waiting.register(self._out, selectors.EVENT_READ)
            waiting.register(self._status, selectors.EVENT_READ)
            try:
                while len(self._ended) < 4:
                    ready = waiting.select(max(until - time.monotonic(), 0))
                    if not ready:
                        return self._answers(), _Lost
                    for key, _ in ready:
                        self._go_on(key.fd, waiting)
            except (OSError, EOFError):
                return self._answers(), _Lost
        with suppress(BlockingIOError):  # The program is over, so this is the last of it.
            while self._take(self._out):
                pass
        return self._answers(), _Lost if self._unsent else self._reason()

    def _go_on(self, stream: int, waiting: selectors.BaseSelector) -> None:
        if stream == self._in:
            self._unsent = self._unsent[os.write(stream, self._unsent[:_PIECE]) :]
            if not self._unsent:
                waiting.unregister(stream)
        elif not self._take(stream):
            raise EOFError

    def _take(self, stream: int) -> bool:
        """Read what there is; False at the end of the stream. EOFError if it is too much."""
        data = os.read(stream, _PIECE)
        if stream == self._status:
            self._ended += data
        else:
            self._heard += data
        if len(self._heard) > 2 * self._limits.output + _PIECE or len(self._ended) > 4:
            raise EOFError
        return bool(data)

    def _answers(self) -> tuple[Answer, ...]:
        """The answers that were heard, up to the first thing that is none."""
        heard, answers = self._heard, []
        start = worker.NONCE + 4
        while heard[: worker.NONCE] == self._nonce and len(heard) >= start:
            (size,) = struct.unpack_from("<I", heard, worker.NONCE)
            message, heard = heard[start : start + size], heard[start + size :]
            if len(message) < size:
                break
            answers.append(_answer(message))
        return tuple(answers)

    def _reason(self) -> str:
        (status,) = struct.unpack("<i", self._ended)
        if status == worker.OVERDUE:
            return f"no answer within {CLOCK * self._limits.seconds:g} s by the clock"
        if os.WIFSIGNALED(status) and os.WTERMSIG(status) in (signal.SIGXCPU, signal.SIGKILL):
            return f"no answer within {ceil(self._limits.seconds)} s of processor time"
        if os.WIFSIGNALED(status):
            return f"the program was ended by signal {os.WTERMSIG(status)}"
        return "the program ended without an answer"


def _question(job: Job, nonce: bytes) -> bytes:
    request = {
        "nonce": nonce.hex(),
        "source": job.source,
        "entry": job.entry,
        "calls": [encode(list(arguments)) for arguments in job.calls],
        "stdin": job.stdin,
        "processor": ceil(job.limits.seconds),
        "memory": job.limits.memory,
        "output": job.limits.output,
    }
    text = json.dumps(request).encode()
    return struct.pack("<dI", CLOCK * job.limits.seconds, len(text)) + text


def _answer(message: bytes) -> Answer:
    try:
        said = json.loads(message)
        if fault := said.get("fault"):
            return Answer(fault=str(fault))
        return Answer(decode(said["value"]))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        return Answer(fault=f"the answer cannot be read ({type(error).__name__})")


def _read(stream: int, count: int, until: float) -> bytes:
    """So many bytes; fewer at the end of the stream, or when it is too late."""
    data = b""
    with selectors.DefaultSelector() as waiting:
        waiting.register(stream, selectors.EVENT_READ)
        while len(data) < count and waiting.select(max(until - time.monotonic(), 0)):
            if not (more := os.read(stream, count - len(data))):
                break
            data += more
    return data


@cache
def _bootstrap() -> str:
    """A program that is the worker: its modules, whole, so that it has no file to read."""
    modules: Sequence[Any] = (values, syscalls, worker)
    texts = {module.__name__: Path(str(module.__file__)).read_text() for module in modules}
    return (
        "import sys, types\n"
        f"texts = {texts!r}\n"
        "for name in ('teachgym', 'teachgym.sandbox', *texts):\n"
        "    sys.modules[name] = types.ModuleType(name)\n"
        "    exec(compile(texts.get(name, ''), name, 'exec'), sys.modules[name].__dict__)\n"
        "sys.modules['teachgym.sandbox.worker'].serve()\n"
    )
