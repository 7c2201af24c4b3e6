"""Programs that try to get out, to get at what they must not, or to be called right.

Each defines ``f``, is asked for ``f(3)`` and would be right with 9, or is a script and would be
right with the output ``9``. None of them computes it: a verdict of right is a hole.
"""

from __future__ import annotations

from dataclasses import dataclass

REFUSED = "PermissionError"
"""The kernel said no."""
GONE = "without an answer"
KILLED = "ended by signal"
LATE = "no answer within"
WRONG = ""
"""There is a value, and it is not the right one."""


@dataclass(frozen=True)
class Escape:
    """A program, and how its attempt must end."""

    name: str
    source: str
    ends: str
    """Part of the fault; empty = a wrong answer, without a fault."""
    script: bool = False


def calling(name: str, body: str, ends: str) -> Escape:
    """An escape that is tried when ``f`` is called."""
    lines = "\n    ".join(body.strip().splitlines())
    return Escape(name, f"def f(x):\n    {lines}\n", ends)


def script(name: str, source: str, ends: str) -> Escape:
    """An escape that is tried by a script."""
    return Escape(name, source, ends, script=True)


PROCESSES = (
    calling("fork", "import os\nos.fork()\nreturn 0", REFUSED),
    calling("fork bomb", "import os\nwhile True:\n    os.fork()", REFUSED),
    calling("vfork and exec", "import subprocess\nsubprocess.run(['/bin/sh'])\nreturn 0", "Error"),
    calling("exec", "import os\nos.execv('/bin/true', ['true'])", REFUSED),
    calling("system", "import os\nreturn os.system('echo 9')", WRONG),
    calling("spawn", "import os\nos.posix_spawn('/bin/true', ['true'], {})", REFUSED),
    calling("fork in C", "import ctypes\nreturn ctypes.CDLL(None).fork()", WRONG),
    calling("clone3 in C", "import ctypes\nreturn ctypes.CDLL(None).syscall(435, 0, 0)", WRONG),
    calling(
        "multiprocessing",
        "import multiprocessing\nmultiprocessing.get_context('fork').Process().start()",
        "Error",
    ),
    calling("kill the worker", "import os\nos.kill(os.getppid(), 9)\nreturn 0", "Error"),
    calling("kill everybody", "import os\nos.kill(-1, 9)\nreturn 0", REFUSED),
    calling("leave the session", "import os\nos.setsid()\nreturn 0", REFUSED),
    calling(
        "ptrace the worker", "import ctypes\nreturn ctypes.CDLL(None).ptrace(16, 1, 0, 0)", WRONG
    ),
    calling(
        "read the worker's memory",
        "import ctypes\nreturn ctypes.CDLL(None).syscall(310, 1, 0, 0, 0, 0, 0)",
        WRONG,
    ),
)

FILES = (
    calling("read a file", "return open('/etc/passwd').read()", REFUSED),
    calling("read itself", "return open('/proc/self/mem', 'rb').read()", REFUSED),
    calling("read the worker", "return open('/proc/1/environ').read()", REFUSED),
    calling("list processes", "import os\nreturn os.listdir('/proc')", REFUSED),
    calling("list files", "import os\nreturn os.listdir('/')", REFUSED),
    calling("write a file", "open('/tmp/escaped', 'w').write('9')\nreturn 0", REFUSED),
    calling("write a module", "open('/usr/lib/os.py', 'w').write('9')\nreturn 0", REFUSED),
    calling("symbolic link", "import os\nos.symlink('/etc', '/tmp/escaped')\nreturn 0", REFUSED),
    calling("hard link", "import os\nos.link('/etc/passwd', '/tmp/escaped')\nreturn 0", REFUSED),
    calling("remove", "import shutil\nshutil.rmtree('/usr')\nreturn 0", "Error"),
    calling("device", "return open('/dev/mem', 'rb').read(1)", REFUSED),
    calling("change root", "import os\nos.chroot('/tmp')\nreturn 0", REFUSED),
    calling("mount", "import ctypes\nreturn ctypes.CDLL(None).mount(0, 0, 0, 0, 0)", WRONG),
    calling("open in C", "import ctypes\nreturn ctypes.CDLL(None).open(b'/etc/passwd', 0)", WRONG),
    calling("a library of its own", "import ctypes\nctypes.CDLL('/tmp/own.so')\nreturn 0", "Error"),
    calling("the grader's package", "import teachgym.tasks\nreturn 0", "ModuleNotFoundError"),
    calling("shared memory", "import os\nos.memfd_create('m')\nreturn 0", REFUSED),
)

NETWORK = (
    calling("socket", "import socket\nsocket.socket()\nreturn 0", REFUSED),
    calling("local socket", "import socket\nsocket.socketpair()\nreturn 0", REFUSED),
    calling("web", "import urllib.request as u\nreturn u.urlopen('http://1.1.1.1')", "Error"),
    calling("environment", "import os\nreturn os.environ['HOME'] + os.environ['PATH']", "KeyError"),
)

RESOURCES = (
    calling("memory bomb", "return len(bytearray(10**10))", "MemoryError"),
    calling("growing list", "held = []\nwhile True:\n    held.append(bytes(10**7))", "MemoryError"),
    calling("endless loop", "while True:\n    pass", LATE),
    calling("endless sleep", "import time\ntime.sleep(10**6)\nreturn 0", LATE),
    calling("loop in C", "return 10 ** 10**9", LATE),
    calling(
        "ignored interrupts",
        "while True:\n    try:\n        while True:\n            pass\n"
        "    except BaseException:\n        pass",
        LATE,
    ),
    calling("endless recursion", "return f(x)", "RecursionError"),
    calling(
        "thread bomb",
        "import threading, time\nwhile True:\n"
        "    threading.Thread(target=time.sleep, args=(10**6,)).start()",
        "Error",
    ),
    script(
        "endless thread",
        "import threading, time\nthreading.Thread(target=time.sleep, args=(10**6,)).start()\n",
        LATE,
    ),
    script(
        "endless exit handler", "import atexit, time\natexit.register(time.sleep, 10**6)\n", LATE
    ),
    calling("endless output", "while True:\n    print('9' * 10**5)", "OSError"),
    calling("endless answer", "return '9' * 10**7", GONE),
    calling("more memory", "import resource as r\nr.setrlimit(r.RLIMIT_AS, (-1, -1))", "Error"),
    calling("broken memory", "import ctypes\nctypes.string_at(0)\nreturn 0", KILLED),
    calling("deep answer", "a = []\nfor _ in range(10**5):\n    a = [a]\nreturn a", "Error"),
)

_ANSWER = '{"value": 9}'
VERDICTS = (
    calling("exit", "import os\nos._exit(0)", GONE),
    calling("orderly exit", "raise SystemExit(0)", "SystemExit"),
    calling("abort", "import os\nos.abort()", "signal"),
    calling("printed verdict", f"print('{_ANSWER}')\nprint(9)\nreturn 0", WRONG),
    calling(
        "forged message",
        "import os\nfor fd in range(3, 32):\n    try:\n"
        f"        os.write(fd, bytes(16) + b'\\x0c\\0\\0\\0' + b'{_ANSWER}')\n"
        "    except OSError:\n        pass\nos._exit(0)",
        GONE,
    ),
    calling(
        "equal to everything",
        "class Nine(int):\n    def __eq__(self, other): return True\n"
        "    __hash__ = int.__hash__\nreturn Nine(4)",
        WRONG,
    ),
    calling(
        "text equal to everything",
        "class Any(str):\n    def __eq__(self, other): return True\n"
        "    __hash__ = str.__hash__\nreturn Any('')",
        WRONG,
    ),
    calling("object of its own", "class Any:\n    __eq__ = lambda *_: True\nreturn Any()", "plain"),
    calling("patched int", "import builtins\nbuiltins.int = lambda *_: 9\nreturn 0", "Error"),
    calling("patched encoder", "import json\njson.dumps = lambda *_, **__: '{}'\nreturn 0", "read"),
    calling(
        "from frames",
        "import sys\nframe, seen = sys._getframe(), []\nwhile frame:\n"
        "    seen += [v for v in frame.f_locals.values() if v == 9]\n    frame = frame.f_back\n"
        "return seen[0]",
        "IndexError",
    ),
    calling(
        "from the heap",
        "import gc\nheld = [o for o in gc.get_objects() if type(o) is dict]\n"
        "return [o['expected'] for o in held if 'expected' in o][0]",
        "IndexError",
    ),
    calling(
        "from the question",
        "import sys\nframe = sys._getframe()\nwhile 'request' not in frame.f_locals:\n"
        "    frame = frame.f_back\nreturn frame.f_locals['request']['answer']",
        "KeyError",
    ),
    calling(
        "from another program",
        "import gc\nfound = [o for o in gc.get_objects() if getattr(o, 'mark', 0) == 'earlier']\n"
        "return found[0].nine",
        "IndexError",
    ),
    script("printed verdict of a script", f"print('{_ANSWER}')", WRONG),
    script("right, then wrong", "print(9)\nraise ValueError('no')", "ValueError"),
    script("right, then an exit", "print(9, flush=True)\nimport os\nos._exit(0)", GONE),
    script("right, then a bad status", "print(9)\nraise SystemExit(1)", "SystemExit"),
    script("printed verdict at exit", f"import atexit\natexit.register(print, '{_ANSWER}')", WRONG),
    script(
        "right, then gone at exit",
        "import atexit, os\natexit.register(os._exit, 0)\nprint(9)",
        GONE,
    ),
    script("right, then a failed exit", "print(9)\nexit(1)", "SystemExit"),
    script("closed output", "import os\nprint(9)\nos.close(1)", GONE),
    script("another's output", "import os\nos.write(3, b'9')\nos.write(2, b'9')", GONE),
)

ESCAPES = (*PROCESSES, *FILES, *NETWORK, *RESOURCES, *VERDICTS)
