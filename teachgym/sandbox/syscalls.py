"""``confine``: restricts a process to computing, without other requests to the kernel.

A filter of system calls (seccomp, man 2 seccomp) that admits what an interpreter needs to run a
program that is in memory already: memory, time, threads, and reading and writing what is open.
There is no opening of files, no socket, no process, no signal and no tracing. It is the inner
wall; the outer one is a provider's. Runs inside of the sandbox.
"""

from __future__ import annotations

import ctypes
import platform
import struct
from functools import cache

MACHINES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
"""Machine to what the kernel calls its architecture (linux/audit.h)."""

ADMITTED: dict[str, tuple[int, int]] = {
    "read": (0, 63),
    "write": (1, 64),
    "close": (3, 57),
    "fstat": (5, 80),
    "newfstatat": (262, 79),
    "lseek": (8, 62),
    "pread64": (17, 67),
    "readv": (19, 65),
    "writev": (20, 66),
    "mmap": (9, 222),
    "mprotect": (10, 226),
    "munmap": (11, 215),
    "brk": (12, 214),
    "mremap": (25, 216),
    "madvise": (28, 233),
    "rt_sigaction": (13, 134),
    "rt_sigprocmask": (14, 135),
    "rt_sigreturn": (15, 139),
    "sigaltstack": (131, 132),
    "restart_syscall": (219, 128),
    "sched_yield": (24, 124),
    "sched_getaffinity": (204, 123),
    "nanosleep": (35, 101),
    "clock_gettime": (228, 113),
    "clock_getres": (229, 114),
    "clock_nanosleep": (230, 115),
    "gettimeofday": (96, 169),
    "times": (100, 153),
    "getrusage": (98, 165),
    "getrandom": (318, 278),
    "getpid": (39, 172),
    "gettid": (186, 178),
    "futex": (202, 98),
    "set_robust_list": (273, 99),
    "rseq": (334, 293),
    "exit": (60, 93),
    "exit_group": (231, 94),
}
"""Name of a system call to its number on each of ``MACHINES``."""

CLONE, CLONE3 = (56, 220), (435, 435)
_CLONE_THREAD = 0x10000
_X32 = 0x40000000  # Numbers from here on are a second table of x86_64.

_LOAD, _JUMP_EQUAL, _JUMP_FROM, _JUMP_SET, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_NUMBER, _ARCHITECTURE, _FIRST_ARGUMENT = 0, 4, 16  # Offsets in struct seccomp_data.
_ALLOW, _FAIL, _KILL = 0x7FFF0000, 0x00050000, 0x80000000
_EPERM, _ENOSYS = 1, 38
_NO_NEW_PRIVILEGES, _SET_SECCOMP, _FILTER = 38, 22, 2  # Of prctl.


def confine() -> None:
    """Confine this process permanently.

    Raises:
        OSError: on a machine whose system calls are not known here, or where the kernel refuses.
    """
    machine = platform.machine()
    if machine not in MACHINES:
        raise OSError(f"no list of system calls for {machine}; there is one for {list(MACHINES)}")
    rules = filter_for(machine)
    libc = ctypes.CDLL(None, use_errno=True)
    program = ctypes.create_string_buffer(rules, len(rules))
    # struct sock_fprog: the number of instructions, and where they are.
    header = struct.pack("HxxxxxxP", len(rules) // 8, ctypes.addressof(program))
    zero = ctypes.c_ulong(0)
    one = ctypes.c_ulong(1)
    if libc.prctl(_NO_NEW_PRIVILEGES, one, zero, zero, zero):
        raise OSError(ctypes.get_errno(), "no_new_privs was refused")
    if libc.prctl(_SET_SECCOMP, ctypes.c_ulong(_FILTER), header, zero, zero):
        raise OSError(ctypes.get_errno(), "the filter of system calls was refused")


@cache
def filter_for(machine: str) -> bytes:
    """The filter as the kernel reads it, eight bytes an instruction (linux/filter.h)."""
    column = list(MACHINES).index(machine)
    fail = _instruction(_RETURN, _FAIL | _EPERM)
    allow = _instruction(_RETURN, _ALLOW)
    rules = [
        _instruction(_LOAD, _ARCHITECTURE),
        _instruction(_JUMP_EQUAL, MACHINES[machine], 1, 0),
        _instruction(_RETURN, _KILL),
        _instruction(_LOAD, _NUMBER),
        _instruction(_JUMP_FROM, _X32, 0, 1),
        fail,
    ]
    for numbers in ADMITTED.values():
        rules += [_instruction(_JUMP_EQUAL, numbers[column], 0, 1), allow]
    # The C library tries clone3 first, whose flags no filter can see; without it, clone.
    rules += [_instruction(_JUMP_EQUAL, CLONE3[column], 0, 1)]
    rules += [_instruction(_RETURN, _FAIL | _ENOSYS)]
    rules += [_instruction(_JUMP_EQUAL, CLONE[column], 0, 3)]
    rules += [_instruction(_LOAD, _FIRST_ARGUMENT), _instruction(_JUMP_SET, _CLONE_THREAD, 0, 1)]
    return b"".join([*rules, allow, fail])


def _instruction(code: int, value: int, then: int = 0, otherwise: int = 0) -> bytes:
    return struct.pack("HBBI", code, then, otherwise, value)
