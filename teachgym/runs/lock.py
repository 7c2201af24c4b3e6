"""A folder is worked on by one process at a time: a lock that says who holds it.

The kernel holds the lock (``flock`` on ``.lock`` in the folder), so it is gone with the process,
however that ends. The file says who took it, for whoever finds it taken, and for file systems
on which locks of the kernel do not reach the other process: another machine, or no locks at all.
"""

from __future__ import annotations

import errno
import json
import os
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from teachgym.errors import RunError
from teachgym.runs.files import naming

if sys.platform != "win32":  # There the file alone says who holds the folder.
    import fcntl

LOCK = ".lock"
"""Name of the file in a folder that somebody works on."""
_NOT_WRITABLE = (errno.EROFS, errno.EACCES, errno.EPERM)
_NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP)
_held: set[int] = set()


@dataclass(frozen=True, slots=True)
class Holder:
    """A process that works on a folder."""

    pid: int
    host: str
    born: str
    """The time when the process began, in the kernel's words: another one may get its number
    later. Empty if it is not known."""
    since: str
    """The time when it took the lock, UTC."""
    work: str
    """The command of the process, such as ``resume``."""

    @classmethod
    def here(cls, work: str) -> Holder:
        """This process."""
        since = f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC"
        return cls(os.getpid(), socket.gethostname(), _born(os.getpid()), since, work)

    @property
    def is_alive(self) -> bool:
        """Whether the process runs on this machine, and is not another one of the same number."""
        try:
            os.kill(self.pid, 0)
        except PermissionError:
            pass
        except (OSError, OverflowError):
            return False
        return not self.born or _born(self.pid) == self.born

    def __str__(self) -> str:
        """Number, machine, work and time."""
        return f"process {self.pid} on {self.host} ({self.work}, since {self.since})"


@contextmanager
def holding(folder: Path, work: str, *, reads: bool = False) -> Iterator[None]:
    """Work on an existing folder; nobody else does so within the block.

    Args:
        folder: what to work on.
        work: what is done, for those who have to wait.
        reads: whether nothing that others read is written. Then a folder in which nothing can be
            written needs no lock.

    Raises:
        RunError: if somebody else holds it; says who. A lock that a process of this machine left
            when it died is taken over; that of another machine has to be deleted by hand.
    """
    path = folder / LOCK
    try:
        descriptor = _take(folder, path)
    except OSError as error:
        if not (reads and error.errno in _NOT_WRITABLE):
            raise
        yield
        return
    try:
        _require_stale(folder, path)
        with naming(path):
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, json.dumps(asdict(Holder.here(work))).encode(), 0)
        try:
            yield
        finally:
            path.unlink(missing_ok=True)
    finally:
        _held.discard(descriptor)
        os.close(descriptor)


def is_held(folder: Path) -> bool:
    """Whether a process is at work on a folder; of another machine, whether it says so."""
    holder = _read(folder / LOCK)
    return holder is not None and (holder.host != socket.gethostname() or holder.is_alive)


def _take(folder: Path, path: Path) -> int:
    """The open lock file, locked by the kernel if it can."""
    while True:
        flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0)
        descriptor = os.open(path, flags, 0o666)
        _held.add(descriptor)
        try:
            _flock(folder, path, descriptor)
            if _is(path, descriptor):
                return descriptor
        except BaseException:
            _held.discard(descriptor)
            os.close(descriptor)
            raise
        _held.discard(descriptor)  # Its holder has let go and removed the file since.
        os.close(descriptor)


def _flock(folder: Path, path: Path, descriptor: int) -> None:
    if sys.platform == "win32":
        return
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = _read(path)
        raise RunError(_describe(folder, holder)) from None
    except OSError as error:
        if error.errno not in _NO_LOCKS:
            raise


def _require_stale(folder: Path, path: Path) -> None:
    """Refuse a lock that the kernel would give, but whose holder may be alive all the same."""
    holder = _read(path)
    if holder is None:
        return
    if holder.host != socket.gethostname():
        raise RunError(
            f"{_describe(folder, holder)}; whether it still runs cannot be seen from here: if it "
            f"does not, delete {path}"
        )
    if holder.is_alive and holder.pid != os.getpid():
        raise RunError(_describe(folder, holder))


def _describe(folder: Path, holder: Holder | None) -> str:
    who = "another process" if holder is None else str(holder)
    return f"{folder} is held by {who}; wait for it or stop it"


def _read(path: Path) -> Holder | None:
    """The holder of the lock by the file; None if it says nothing, as just after it was made."""
    try:
        return Holder(**json.loads(path.read_bytes()))
    except (OSError, ValueError, TypeError):
        return None


def _is(path: Path, descriptor: int) -> bool:
    try:
        there, ours = path.stat(), os.fstat(descriptor)
    except FileNotFoundError:
        return False
    return (there.st_dev, there.st_ino) == (ours.st_dev, ours.st_ino)


def _born(pid: int) -> str:
    """The boot and the tick of the clock at which a process began; empty where it is not told."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        # The name, in brackets, may hold anything; the 22nd field is the 20th after it.
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return ""
    return f"{boot} {fields[19]}"


def _let_go() -> None:
    """In a forked process: the lock is its parent's, and must not outlive it."""
    for descriptor in _held:
        os.close(descriptor)
    _held.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_let_go)
