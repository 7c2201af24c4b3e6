"""Measure the fine-tune-and-evaluate cycle against the stacks that a user would pick.

    python -m teachgym.benchmarks.speed                                # CPU, some minutes
    python -m teachgym.benchmarks.speed --cases packing,slots --rounds 5
    python -m teachgym.benchmarks.speed --device cuda                  # real students, 8 minutes
    python -m teachgym.benchmarks.speed --device cuda --cases cycle-135M,slots-0.5B    # the others
    python -m teachgym.benchmarks.speed --quick                        # do those for a GPU work?
    python -m teachgym.benchmarks.speed --redraw benchmarks/results/speed-cpu.json  # its figure

All systems of a case take turns in every round of one run. They get the same model, adapters,
batches and prompts. The benchmark compares the losses of all updates and the tokens of all answers
with those of the case's reference, and checks that every trained tensor had a gradient. A system
that did other work gets no ratio, and one that is not installed is listed as such. After every case
the benchmark writes speed-DEVICE.json (every sample), .md (tables) and, with matplotlib, .png.
It works with torch 2.11 to 2.13.
"""

from __future__ import annotations

import argparse
import gc
import json
import math
import os
import platform
import tempfile
import warnings
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from time import perf_counter
from typing import Any

from teachgym.benchmarks.speed.cases import CPU_CASES, GPU_CASES, QUICK_CASES, Case
from teachgym.benchmarks.speed.floors import Rates, floor_of, probe
from teachgym.benchmarks.speed.material import make_material
from teachgym.benchmarks.speed.measure import clock_of, measure
from teachgym.benchmarks.speed.named import make_system
from teachgym.benchmarks.speed.plot import draw
from teachgym.benchmarks.speed.report import CaseResult, to_json, to_markdown
from teachgym.errors import UnknownNameError, require_known
from teachgym.runs.versions import commit, versions

RESULTS = Path(__file__).parents[1] / "results"


def choose(device: str, names: Sequence[str], *, quick: bool) -> tuple[Case, ...]:
    """Return the named cases of a device, or its default ones if no names are given.

    Raises:
        UnknownNameError: if no case has one of the names.
    """
    cases = QUICK_CASES if quick else GPU_CASES if device == "cuda" else CPU_CASES
    require_known("case", names, (case.name for case in cases), UnknownNameError)
    return tuple(c for c in cases if (c.name in names if names else c.by_default))


def run_cases(
    cases: Sequence[Case], device: str, rates: Rates, *, rounds: int | None, minutes: float
) -> Iterator[CaseResult]:
    """Yield the result of each case in turn; no case begins after the given number of minutes."""
    began = perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        for case in cases:
            if perf_counter() - began > 60 * minutes:
                return
            material = make_material(case, device, Path(folder))
            systems = {name: make_system(name, material) for name in case.systems}
            runs = measure(material, systems, rounds=rounds or case.rounds)
            n_new = sum(map(sum, material.answer_lengths))
            yield CaseResult(case, runs, clock_of(device), floor_of(material, rates), n_new)
            del systems, material
            _free(device)


def _free(device: str) -> None:
    """Free the memory of a case's systems before those of the next are loaded."""
    gc.collect()
    if device == "cuda":
        import torch

        torch.cuda.empty_cache()


def describe(device: str) -> dict[str, Any]:
    """Describe the hardware, versions and settings of this run."""
    import torch

    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "commit": (commit() or "unknown")[:10],
        "device": device,
        "hardware": _processor() if device == "cpu" else torch.cuda.get_device_name(),
        "threads": torch.get_num_threads(),
        "python": platform.python_version(),
        "versions": {
            name: found for name, found in versions("peft", "trl", "liger-kernel").items() if found
        },
    }


def _processor() -> str:
    """The name of the processor, if the system reports one."""
    path = Path("/proc/cpuinfo")
    lines = path.read_text().splitlines() if path.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def write(
    facts: Mapping[str, Any],
    rates: Rates,
    results: Sequence[CaseResult],
    folder: Path,
    left_out: Sequence[str],
) -> tuple[Path, str]:
    """Write JSON, Markdown and the figure; return the path and text of the Markdown."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"speed-{facts['device']}.md"
    text = to_markdown(facts, rates, results, left_out)
    path.write_text(text)
    record = to_json(facts, rates, results)
    path.with_suffix(".json").write_text(json.dumps(record, indent=1) + "\n")
    if find_spec("matplotlib"):
        draw(record, path.with_suffix(".png"))
    return path, text


def main() -> None:
    """Run the command line."""
    form = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=form)
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument(
        "--cases", default="", metavar="NAME,…", help="default: the most telling ones"
    )
    parser.add_argument(
        "--rounds", type=int, help="of each case (default: 1 to 5, as the case says)"
    )
    parser.add_argument(
        "--minutes",
        type=float,
        help="after which no case begins (default: 7 with cuda if no cases are named, else no end)",
    )
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder of the results")
    parser.add_argument(
        "--redraw", type=Path, metavar="FILE.json", help="draw its FILE.png again, and do no more"
    )
    parser.add_argument("--quick", action="store_true", help="milliseconds of work, to test it")
    arguments = parser.parse_args()
    if arguments.redraw:
        draw(json.loads(arguments.redraw.read_text()), arguments.redraw.with_suffix(".png"))
        return
    if arguments.rounds is not None and arguments.rounds < 1:
        parser.error(f"--rounds is {arguments.rounds}; it must be 1 or more")
    try:
        names = [name for name in arguments.cases.split(",") if name]
        cases = choose(arguments.device, names, quick=arguments.quick)
    except UnknownNameError as error:
        parser.error(str(error))
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    import torch

    if arguments.device == "cuda" and not torch.cuda.is_available():
        parser.error("--device cuda, but torch sees no GPU; leave it out to run on the CPU")
    torch.set_num_threads(1)
    _measure(arguments, cases)


def _measure(arguments: argparse.Namespace, cases: Sequence[Case]) -> None:
    """Run the cases and write the results after each, so that an early end loses nothing."""
    from rich.console import Console
    from rich.progress import track

    device, results = arguments.device, list[CaseResult]()
    facts, rates = describe(device), probe(device, quick=arguments.quick)
    minutes = arguments.minutes or (7 if device == "cuda" and not arguments.cases else math.inf)
    text, path = "Nothing was measured.", arguments.out
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # other libraries' own
        warnings.filterwarnings("default", "a step cannot be captured")
        found = run_cases(cases, device, rates, rounds=arguments.rounds, minutes=minutes)
        for result in track(found, "cases", total=len(cases)):
            results.append(result)
            left = [case.name for case in cases[len(results) :]]
            path, text = write(facts, rates, results, arguments.out, left)
    Console(soft_wrap=True).print(
        f"{text}\nThe tables are in {path}", markup=False, highlight=False
    )


if __name__ == "__main__":
    main()
