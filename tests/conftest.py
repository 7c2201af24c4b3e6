"""One thread per process, set before torch is loaded: small models are slower with more."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import cache
from itertools import count
from pathlib import Path
from types import SimpleNamespace

for _name, _value in {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_WAIT_POLICY": "PASSIVE",
    "HF_HUB_OFFLINE": "1",
    "TOKENIZERS_PARALLELISM": "false",
}.items():
    os.environ.setdefault(_name, _value)

import pytest  # noqa: E402
from hypothesis import settings  # noqa: E402

from teachgym import workers  # noqa: E402
from tests.forking import forking  # noqa: E402

# Times are noisy on shared machines: examples have no deadline, and are the same on every run.
# `make slow` asks for the profile of more of them.
settings.register_profile("thorough", deadline=None, derandomize=True)
settings.register_profile("teachgym", settings.get_profile("thorough"), max_examples=30)
settings.load_profile("teachgym")


def pytest_configure(config: pytest.Config) -> None:
    """Hide GPUs and certificates from tests that are not about them.

    Expected bits are those of a CPU, and each of many clients would read all certificates first.
    """
    for mark, name, value in (
        ("gpu", "CUDA_VISIBLE_DEVICES", ""),
        ("network", "SSL_CERT_FILE", ""),  # It comes before the folder.
        ("network", "SSL_CERT_DIR", str(Path(__file__).parent)),
    ):
        if mark not in config.getoption("markexpr").replace(f"not {mark}", ""):
            os.environ[name] = value


@pytest.hookimpl(tryfirst=True)  # Before pytest leaves out what ``-m`` does not ask for.
def pytest_collection_modifyitems(items: Sequence[pytest.Item]) -> None:
    """Leave ``sweep(n)`` tests n of their cases, evenly spread; the other cases are slow."""
    swept: defaultdict[str, list[pytest.Item]] = defaultdict(list)
    for item in items:
        if item.get_closest_marker("sweep"):
            swept[item.nodeid.partition("[")[0]].append(item)
    for unordered in swept.values():
        cases = sorted(unordered, key=lambda case: case.nodeid)
        sweep = cases[0].get_closest_marker("sweep")
        assert sweep is not None
        (n,) = sweep.args
        fast = {len(cases) * place // n for place in range(n)}
        for place, case in enumerate(cases):
            if place not in fast:
                case.add_marker("slow")


_DECIDE_OUTPUT = ("COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR", "CLICOLOR_FORCE", "PYTHONWARNINGS")
"""Variables of terminals and shells that change what programs print.

pytest loads readline, which sets ``COLUMNS`` behind Python's back. Workers of xdist see it in
``os.environ`` and a plain pytest does not, so what their children printed was cut at 80 characters.
"""


@pytest.fixture(autouse=True, scope="session")
def _no_waiting_for_disks() -> Iterator[None]:
    """A run waits for its disk some ten times a step, and no test cuts the power."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda descriptor: None)
        yield


@pytest.fixture(autouse=True, scope="session")
def _software_is_looked_at_once() -> Iterator[None]:
    """Each run asks git twice and reads the metadata of six packages, and no test changes them."""
    from teachgym.runs import provenance

    versions, commit = provenance.versions(), cache(provenance.commit)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(provenance, "versions", lambda: dict(versions))
        patch.setattr(provenance, "commit", commit)
        yield


@pytest.fixture(autouse=True, scope="session")
def _forked_workers() -> Iterator[None]:
    """A worker that starts afresh loads packages for longer than a test has it work."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(workers, "multiprocessing", SimpleNamespace(get_context=forking))
        yield


@pytest.fixture(autouse=True, scope="session")
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep what is made for whole files, before any test begins, from the user's cache."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TEACHGYM_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))
        yield


_numbers = count()


@pytest.fixture(autouse=True)
def _own_environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Give each test the same environment, and keep what it and its libraries set from the next.

    No test finds what another, or the user, has left in the cache either: it is a folder that is
    not made before it is needed, which few tests do.
    """
    before = dict(os.environ)
    for name in (*_DECIDE_OUTPUT, *(name for name in before if name.startswith("WANDB_"))):
        os.environ.pop(name, None)
        os.unsetenv(name)
    os.environ["TEACHGYM_CACHE"] = str(tmp_path_factory.getbasetemp() / f"cache-{next(_numbers)}")
    yield
    os.environ.clear()
    os.environ.update(before)
