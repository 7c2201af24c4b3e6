"""How fast the fine-tune-and-evaluate cycle is, against the stacks a user would pick.

    python -m teachgym.benchmarks.speed                                # CPU, some minutes
    python -m teachgym.benchmarks.speed --cases packing,slots --rounds 5
    python -m teachgym.benchmarks.speed --device cuda                  # sizes of real students
    python -m teachgym.benchmarks.speed --quick                        # does it all still work?

All systems of a case take turns in every round of one run. They get the same model, adapters,
batches and prompts; losses of every update and tokens of every answer are compared with those of
the case's reference, and a system that did other work gets no ratio. What is not installed is
listed as such. Written after every case: speed-DEVICE.json (every sample) and .md (tables).
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import tempfile
import warnings
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from teachgym.benchmarks.speed.cases import CPU_CASES, GPU_CASES, QUICK_CASES, Case
from teachgym.benchmarks.speed.material import make_material
from teachgym.benchmarks.speed.measure import measure
from teachgym.benchmarks.speed.report import CaseResult, to_json, to_markdown
from teachgym.benchmarks.speed.systems import make_system
from teachgym.errors import UnknownNameError, unknown
from teachgym.runs.versions import commit, versions

RESULTS = Path(__file__).parents[1] / "results"


def choose(device: str, names: Sequence[str], *, quick: bool) -> tuple[Case, ...]:
    """The cases of a device with some names; all for none.

    Raises:
        UnknownNameError: for a name that is no case's.
    """
    cases = QUICK_CASES if quick else GPU_CASES if device == "cuda" else CPU_CASES
    known = [case.name for case in cases]
    for name in names:
        if name not in known:
            raise UnknownNameError(unknown("case", name, known))
    return tuple(case for case in cases if not names or case.name in names)


def run_cases(cases: Sequence[Case], device: str, rounds: int | None) -> Iterator[CaseResult]:
    """Results of one case after another."""
    with tempfile.TemporaryDirectory() as folder:
        for case in cases:
            material = make_material(case, device, Path(folder))
            systems = {name: make_system(name, material) for name in case.systems}
            runs = measure(material, systems, rounds=rounds or case.rounds)
            yield CaseResult(case, runs, "cpu" if device == "cpu" else "wall")


def describe(device: str) -> dict[str, Any]:
    """Hardware, versions and settings of this run."""
    import torch

    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "commit": (commit() or "unknown")[:10],
        "device": device,
        "hardware": _processor() if device == "cpu" else torch.cuda.get_device_name(),
        "threads": torch.get_num_threads(),
        "python": platform.python_version(),
        "versions": {name: found for name, found in versions("peft", "trl").items() if found},
    }


def _processor() -> str:
    """The processor's name, where the system tells it."""
    path = Path("/proc/cpuinfo")
    lines = path.read_text().splitlines() if path.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def write(facts: Mapping[str, Any], results: Sequence[CaseResult], folder: Path) -> Path:
    """Write JSON and Markdown; returns the path of the Markdown."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"speed-{facts['device']}.md"
    path.write_text(to_markdown(facts, results))
    path.with_suffix(".json").write_text(json.dumps(to_json(facts, results), indent=1) + "\n")
    return path


def main() -> None:
    """The command line."""
    form = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=form)
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--cases", default="", metavar="NAME,…", help="default: all")
    parser.add_argument(
        "--rounds", type=int, help="of each case (default: 1 to 5, as the case says)"
    )
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder of the results")
    parser.add_argument("--quick", action="store_true", help="milliseconds of work, to test it")
    arguments = parser.parse_args()
    if arguments.rounds is not None and arguments.rounds < 1:
        parser.error(f"--rounds is {arguments.rounds}; it must be 1 or more")
    try:
        names = [name for name in arguments.cases.split(",") if name]
        cases = choose(arguments.device, names, quick=arguments.quick)
    except UnknownNameError as error:
        parser.error(str(error))
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    import torch
    from rich.console import Console
    from rich.progress import track

    if arguments.device == "cuda" and not torch.cuda.is_available():
        parser.error("--device cuda, but torch sees no GPU; leave it out to run on the CPU")
    torch.set_num_threads(1)
    results: list[CaseResult] = []
    facts = describe(arguments.device)
    found = run_cases(cases, arguments.device, arguments.rounds)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # other libraries' own
        for result in track(found, "cases", total=len(cases)):
            results.append(result)
            path = write(facts, results, arguments.out)  # so that an early end loses nothing
    text = f"{to_markdown(facts, results)}\nThe tables are in {path}"
    Console(soft_wrap=True).print(text, markup=False, highlight=False)


if __name__ == "__main__":
    main()
