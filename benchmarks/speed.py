"""How fast the fine-tune-and-evaluate cycle is, against the stacks a user would pick.

    python -m teachgym.benchmarks.speed                                # CPU, under ten minutes
    python -m teachgym.benchmarks.speed --workloads W3,slots --rounds 5
    python -m teachgym.benchmarks.speed --device cuda                  # sizes of real students
    python -m teachgym.benchmarks.speed --quick                        # does it all still work?

Workloads: W1 whole cycle and its training; W2 fixed lengths, to compare with the hardware's floor;
W3 K students at once; W4 a tiny step, which is all overhead; W5 episodes, going on or accumulating;
W6 evaluation only. Each has one or more cases, which can also be chosen by name.

All systems of a case take turns in every round of one run. They get the same model, adapters,
batches and prompts; losses of every update and tokens of every answer are compared with a plain
peft loop, and a system that did other work gets no ratio. What is not installed is listed as such.
Written after every case: speed-DEVICE.json (every sample), .md (tables) and .png (ratios, promised
ones marked).
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import tempfile
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from teachgym.benchmarks.speeds.facts import describe
from teachgym.benchmarks.speeds.material import Material, make_material
from teachgym.benchmarks.speeds.measure import measure
from teachgym.benchmarks.speeds.plot import draw
from teachgym.benchmarks.speeds.probes import Rates, floor, probe
from teachgym.benchmarks.speeds.results import CaseResult, judge
from teachgym.benchmarks.speeds.systems import make_system
from teachgym.benchmarks.speeds.tables import Report, show_spread, to_json, to_markdown
from teachgym.benchmarks.speeds.workloads import (
    CPU_CASES,
    CPU_GATES,
    QUICK_CASES,
    QUICK_GATES,
    Case,
    Gate,
)
from teachgym.benchmarks.speeds.workloads_gpu import GPU_CASES, GPU_GATES
from teachgym.errors import UnknownNameError, unknown

RESULTS = Path(__file__).parent / "results"


def choose(device: str, *, quick: bool) -> tuple[tuple[Case, ...], tuple[Gate, ...]]:
    """The cases and gates of a device."""
    if quick:
        return QUICK_CASES, QUICK_GATES
    return (GPU_CASES, GPU_GATES) if device == "cuda" else (CPU_CASES, CPU_GATES)


def select(cases: Sequence[Case], names: Sequence[str]) -> tuple[Case, ...]:
    """The cases of some workloads, or with some names; all for none.

    Raises:
        UnknownNameError: for a name that is neither a workload nor a case.
    """
    known = {case.workload for case in cases} | {case.name for case in cases}
    for name in names:
        if name not in known:
            raise UnknownNameError(unknown("workload", name, sorted(known)))
    return tuple(c for c in cases if not names or c.workload in names or c.name in names)


def run_case(
    material: Material, rates: Rates, rounds: int | None, say: Callable[[str], None]
) -> CaseResult:
    """Measure one case."""
    case = material.case
    systems = {name: make_system(name, material) for name in case.systems}
    runs = measure(material, systems, rounds=rounds or case.rounds, say=say)
    return CaseResult(
        case=case,
        runs=tuple(runs),
        floors={r.students: floor(material, rates, r.students) for r in runs},
        fill=material.fill,
        read_tokens=material.read_tokens,
        new_tokens=sum(map(sum, material.answer_lengths)),
        by_cpu=material.device == "cpu",
    )


def run_cases(
    cases: Sequence[Case], rates: Rates, *, device: str, rounds: int | None
) -> Iterator[CaseResult]:
    """Results of one case after another, each shown as it is there."""
    from rich.console import Console

    console = Console()
    with tempfile.TemporaryDirectory() as folder:
        for number, case in enumerate(cases, 1):
            title = f"{number}/{len(cases)} {case.workload} {case.name}, {case.shape}"
            with console.status(title) as status:
                material = make_material(case, device, Path(folder))
                say = partial(_say_more, status, title)
                result = run_case(material, rates, rounds, say)
            console.print(_show(result, title))
            yield result


def _say_more(status: Any, title: str, doing: str) -> None:
    status.update(f"{title}: {doing}")


def _show(result: CaseResult, title: str) -> Any:
    from rich.table import Table

    table = Table("system", "seconds", f"times {result.case.subject}", "", title=title)
    for runs in result.runs:
        seconds, ratio = result.median(runs), result.ratio(runs.name)
        table.add_row(runs.name, show_spread(seconds, 3), show_spread(ratio), runs.trouble)
    return table


@contextmanager
def quiet() -> Iterator[None]:
    """Other libraries' progress bars, notices and printed metrics off."""
    from transformers.trainer_callback import PrinterCallback
    from transformers.utils import logging as noisy

    bars: Any = noisy
    bars.disable_progress_bar()
    on_log = PrinterCallback.on_log
    PrinterCallback.on_log = lambda *args, **kwargs: None  # type: ignore[method-assign]
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        PrinterCallback.on_log = on_log  # type: ignore[method-assign]
        logging.disable(logging.NOTSET)
        bars.enable_progress_bar()


def write(report: Report, folder: Path) -> Path:
    """Write JSON, Markdown and PNG; returns the path of the Markdown."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"speed-{report.device}.md"
    path.write_text(to_markdown(report))
    path.with_suffix(".json").write_text(json.dumps(to_json(report), indent=1) + "\n")
    draw(report.results, report.verdicts, path.with_suffix(".png"))
    return path


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument(
        "--workloads", default="", metavar="W1,W3,…", help="or names of cases (default: all)"
    )
    parser.add_argument(
        "--rounds", type=int, help="of each case (default: 1 to 5, as the case says)"
    )
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder of the results")
    parser.add_argument("--quick", action="store_true", help="milliseconds of work, to test it")
    arguments = parser.parse_args()
    if arguments.rounds is not None and arguments.rounds < 1:
        parser.error(f"--rounds is {arguments.rounds}; it must be 1 or more")
    cases, gates = choose(arguments.device, quick=arguments.quick)
    try:
        cases = select(cases, [name for name in arguments.workloads.split(",") if name])
    except UnknownNameError as error:
        parser.error(str(error))
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    import torch

    if arguments.device == "cuda" and not torch.cuda.is_available():
        parser.error("--device cuda, but torch sees no GPU; leave it out to run on the CPU")
    torch.set_num_threads(1)
    results: list[CaseResult] = []
    with quiet():
        rates, facts = probe(arguments.device, quick=arguments.quick), describe(arguments.device)
        found = run_cases(cases, rates, device=arguments.device, rounds=arguments.rounds)
        for result in found:  # written each time, so that a run that is ended early is not lost
            results.append(result)
            report = Report(facts, rates, tuple(results), tuple(judge(results, gates)))
            path = write(report, arguments.out)
    _say(to_markdown(report).split("## W")[0] + f"\nThe tables are in {path}")


def _say(text: str) -> None:
    from rich.console import Console

    Console(soft_wrap=True).print(text, markup=False, highlight=False)


if __name__ == "__main__":
    main()
