"""A process that runs programs, each in a fork of itself, until its input ends.

It is started inside of a provider's walls and never reads a program: it forks, and the fork reads
one, shuts itself in (``syscalls``) and runs it. So all programs start from the same memory, and
none finds anything of another in it. Nothing here is imported by teachgym; the text is what
``teachgym.sandbox.process`` starts an interpreter with.

The streams of the worker, in the terms of ``struct``:

* 0, in: for each program ``<d`` seconds, then ``<I`` bytes of JSON, which the fork reads;
* 1, out: what the fork says, each message 16 bytes of nonce, ``<I`` bytes, JSON;
* 2, out: what the worker says, ``<i``: once the fork is over, its wait status, or ``OVERDUE``.

The fork does not have stream 2, and it is over before its status is written. What is left in
stream 1 then is the last of it.
"""

from __future__ import annotations

import atexit
import ctypes
import gc
import io
import json
import os
import platform
import resource
import select
import signal
import site
import socket
import struct
import sys
import threading
from importlib import import_module
from types import ModuleType
from typing import Any

from teachgym.sandbox.syscalls import MACHINES, confine, filter_for
from teachgym.sandbox.values import decode, encode

OVERDUE = -1
"""Stands for the wait status of a program that was killed at its deadline."""
NONCE = 16
"""Bytes of a nonce."""
CANARY = "TEACHGYM_CANARY"
"""A variable that the provider should keep from here."""
PROGRAM = "<program>"
"""The file that a program says it is in."""

# A program opens no file, so what it may import is imported before.
PRELOADED = """
abc argparse array ast base64 binascii bisect calendar cmath codecs collections collections.abc
concurrent.futures.thread contextlib contextvars copy csv dataclasses datetime decimal difflib enum
fileinput fractions functools gc graphlib hashlib heapq html inspect io itertools json keyword
linecache logging math numbers operator pathlib pickle pprint queue random re reprlib sched secrets
statistics string struct sys textwrap threading time timeit token tokenize traceback types typing
unicodedata uuid warnings weakref zlib _strptime encodings.ascii encodings.idna encodings.latin_1
encodings.utf_16 encodings.utf_32 encodings.cp437
"""

_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE = 1, 4
_MOST_SAID = 300  # Characters of a message of an error.


def serve() -> None:
    """Fork for each program, after reporting the faults of the sandbox and readiness."""
    libc = ctypes.CDLL(None)
    libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    libc.prctl(_PR_SET_DUMPABLE, 0)  # No process of the same user can look into this one.
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent.
    canary, port = sys.argv[1], int(sys.argv[2])
    _say(2, json.dumps(faults(canary, port)).encode())
    for name in PRELOADED.split():
        import_module(name)
    site.setquit()  # A script may call exit(), which an interpreter without sites lacks.
    random_seed = import_module("random").seed
    if (machine := platform.machine()) in MACHINES:
        filter_for(machine)  # Once for all forks.
    gc.collect()
    gc.freeze()  # Pages of before the fork are not written to, and stay shared.
    _say(2, b"")
    while header := os.read(0, 8):
        (seconds,) = struct.unpack("<d", header)
        if (pid := os.fork()) == 0:
            try:
                libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)  # A fork does not inherit it.
                random_seed(0)
                _run_one()
            finally:
                os._exit(1)
        os.write(2, struct.pack("<i", _wait(pid, seconds)))


def faults(canary: str, port: int) -> list[str]:
    """The faults of the sandbox: a readable file, a connection, the environment."""
    found = []
    try:
        with open(canary):
            found.append("files of the user can be read")
    except OSError:
        pass
    try:
        with open(f"{canary}.new", "w"):
            found.append("files can be written")
    except OSError:
        pass
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
        found.append("the network can be reached")
    except OSError:
        pass
    if CANARY in os.environ:
        found.append("the environment can be read")
    return found


def _wait(pid: int, seconds: float) -> int:
    """The wait status of the fork, which is killed at its deadline."""
    fork = os.pidfd_open(pid)
    in_time, _, _ = select.select([fork], [], [], seconds)
    if not in_time:
        os.kill(pid, signal.SIGKILL)
    os.close(fork)
    _, status = os.waitpid(pid, 0)
    return status if in_time else OVERDUE


def _run_one() -> None:
    """In the fork: read a program, shut the doors, run it, say what came of it."""
    (size,) = struct.unpack("<I", _read(4))
    request = json.loads(_read(size))
    nonce = bytes.fromhex(request["nonce"])
    said = os.dup(1)
    output = _redirect(request["stdin"].encode())
    _limit(request["processor"], request["memory"], request["output"])
    confine()

    def report(**message: Any) -> None:
        text = json.dumps(message).encode()
        _write(said, nonce + struct.pack("<I", len(text)) + text)

    calls = request["calls"]
    module = ModuleType("program" if calls else "__main__")
    sys.modules[module.__name__] = module
    try:
        exec(compile(request["source"], PROGRAM, "exec"), module.__dict__)
        entry = eval(request["entry"], module.__dict__) if calls else None
    except BaseException as error:
        if calls or not _is_orderly(error):
            report(fault=_described(error))
            os._exit(0)
    for arguments in calls:
        try:
            assert entry is not None
            report(value=encode(entry(*decode(arguments))))
        except BaseException as error:
            report(fault=_described(error))
    if not calls:
        _end_script()
        size = os.lseek(output, 0, os.SEEK_END)
        report(value=os.pread(output, size, 0).decode(errors="replace"))
    os._exit(0)


def _end_script() -> None:
    """Do what an interpreter does after a script: wait for threads, call exit handlers, flush.

    It is all within the limits of the program, and before its output is read.
    """
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.__stdout__):
        if stream is not None:
            stream.flush()


def _is_orderly(error: BaseException) -> bool:
    """Whether a program ended itself, saying that all is well."""
    return isinstance(error, SystemExit) and error.code in (None, 0)


def _redirect(stdin: bytes) -> int:
    """Give a program streams of its own, and return what its output is written to."""
    given, output, errors = (os.memfd_create(name) for name in ("stdin", "stdout", "stderr"))
    _write(given, stdin)
    os.lseek(given, 0, os.SEEK_SET)
    for number, stream in enumerate((given, output, errors)):
        os.dup2(stream, number)
        os.close(stream)
    streams = {
        "stdin": io.TextIOWrapper(io.BufferedReader(io.FileIO(0)), "utf-8"),
        "stdout": io.TextIOWrapper(io.BufferedWriter(io.FileIO(1, "w")), "utf-8"),
        "stderr": io.TextIOWrapper(io.BufferedWriter(io.FileIO(2, "w")), "utf-8", "replace"),
    }
    # By both names: else a program that puts another stream in its place would close this one.
    vars(sys).update(streams | {f"__{name}__": own for name, own in streams.items()})
    return 1


def _limit(processor: int, memory: int, output: int) -> None:
    limits = {
        resource.RLIMIT_AS: memory,
        resource.RLIMIT_FSIZE: output,
        resource.RLIMIT_NOFILE: 32,
        resource.RLIMIT_CORE: 0,
    }
    for kind, most in limits.items():
        resource.setrlimit(kind, (most, most))
    # First with a signal that says so, and for who ignores it, without.
    resource.setrlimit(resource.RLIMIT_CPU, (processor, processor + 1))


def _described(error: BaseException) -> str:
    """An error in a line: where in the program, of what kind, with what message."""
    place, kind = "", type(error).__name__
    try:
        trace = error.__traceback__
        while trace is not None:
            if trace.tb_frame.f_code.co_filename == PROGRAM:
                place = f"line {trace.tb_lineno}: "
            trace = trace.tb_next
        return f"{place}{kind}: {error}"[:_MOST_SAID]
    except BaseException:  # Its text is made by the program.
        return kind


def _say(stream: int, text: bytes) -> None:
    _write(stream, struct.pack("<I", len(text)) + text)


def _write(stream: int, data: bytes) -> None:
    while data:
        data = data[os.write(stream, data) :]


def _read(count: int) -> bytes:
    """So many bytes of stream 0."""
    data = b""
    while len(data) < count:
        if not (more := os.read(0, count - len(data))):
            os._exit(1)
        data += more
    return data
