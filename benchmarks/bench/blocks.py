"""Whether fresh seeds overturn what a bench was sure of.

    teachgym bench tiny --seeds 40 --first-seed 20 --arm alp --arm ucb1 --out bench/fresh
    python -m teachgym.benchmarks.bench.blocks bench/tiny bench/fresh

A statement of a bench is that an arm is above or below the one it is compared with; it is sure of
it where the p-value is below 0.05 after Holm's correction. Seeds that the bench did not have are
cut into blocks. Each block is a replication: other items, examples and luck, and the bases in turn.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from teachgym.benchmarks.bench.headline import SURE
from teachgym.benchmarks.bench.statistics import PairedTest
from teachgym.benchmarks.bench.union import Compared, compare_union, read_lines
from teachgym.errors import ConfigError
from teachgym.records import Record
from teachgym.report.tables import Rows, markdown_rows, tabulate

Verdict = Literal["holds", "not in every block", "overturned"]


@dataclass(frozen=True, slots=True)
class Replicated:
    """A sure statement, and what came of it with other seeds."""

    said: Compared
    blocks: tuple[PairedTest, ...]
    """The same comparison in each block."""
    fresh: PairedTest
    """In all blocks together."""

    @property
    def verdict(self) -> Verdict:
        """``holds``: every block agrees in sign; ``overturned``: one contradicts it for sure.

        That is, by its own interval of 95 %, which one in forty does by chance where nothing is
        true of the statement.
        """
        sign = 1 if self.said.test.difference.mean > 0 else -1
        if any(max(sign * b.interval.low, sign * b.interval.high) < 0 for b in self.blocks):
            return "overturned"
        agree = all(sign * block.difference.mean > 0 for block in self.blocks)
        return "holds" if agree else "not in every block"


def replicate(board: Sequence[Record], fresh: Sequence[Record], size: int) -> list[Replicated]:
    """Every sure statement of ``board`` about arms that ``fresh`` has, surest first.

    Args:
        board: lines of a bench, with all of its arms.
        fresh: lines with seeds that ``board`` does not have; the others are left out.
        size: seeds of a block, >= 2; what is left over at the end is no block.

    Raises:
        ConfigError: if there is no block.
    """
    seen = {line["seed"] for line in board}
    seeds = sorted({line["seed"] for line in fresh} - seen)
    ends = range(size, len(seeds) + 1, size)
    blocks = [seeds[end - size : end] for end in ends]
    if not blocks:
        raise ConfigError(
            f"{len(seeds)} seeds are new, fewer than a block of {size}; run more of them"
        )
    parts = [[line for line in fresh if line["seed"] in block] for block in blocks]
    whole = {(c.arm, c.reference): c.test for c in compare_union([x for p in parts for x in p])}
    by_block = [{(c.arm, c.reference): c.test for c in compare_union(part)} for part in parts]
    return [
        Replicated(said, tuple(tests[pair] for tests in by_block), whole[pair])
        for said in compare_union(board)
        if said.p < SURE and all((pair := (said.arm, said.reference)) in t for t in by_block)
    ]


def replication_rows(found: Sequence[Replicated]) -> Rows:
    """Header and a row for each statement."""
    return tabulate(
        {
            "arm": each.said.arm,
            "minus": each.said.reference,
            "said": each.said.test.show(),
            **{f"block {n}": f"{b.difference.mean:+z.4f}" for n, b in enumerate(each.blocks, 1)},
            "fresh": each.fresh.show(),
            "": each.verdict,
        }
        for each in found
    )


def main() -> None:
    """The command line."""
    from rich.console import Console

    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("board", type=Path, help="folder of the bench, or a file of its lines")
    parser.add_argument("fresh", type=Path, help="the same with other seeds, of all arms or some")
    parser.add_argument("--size", type=int, default=10, help="seeds of a block")
    arguments = parser.parse_args()
    found = replicate(read_lines(arguments.board), read_lines(arguments.fresh), arguments.size)
    Console().print(markdown_rows(replication_rows(found)), highlight=False, soft_wrap=True)


if __name__ == "__main__":
    main()
