"""One thread per process, set before torch is loaded: small models are slower with more."""

from __future__ import annotations

import os
from pathlib import Path

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

# Times are noisy on shared machines: examples have no deadline, and are the same on every run.
settings.register_profile("teachgym", deadline=None, derandomize=True)
settings.load_profile("teachgym")


def pytest_configure(config: pytest.Config) -> None:
    """Hide GPUs from tests that are not about them: expected bits are those of a CPU."""
    if "gpu" not in config.getoption("markexpr").replace("not gpu", ""):
        os.environ["CUDA_VISIBLE_DEVICES"] = ""


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test finds what another, or the user, has left in the cache."""
    monkeypatch.setenv("TEACHGYM_CACHE", str(tmp_path / "teachgym-cache"))
