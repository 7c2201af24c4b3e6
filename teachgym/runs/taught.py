"""The examples that a run trained on, each with its loss; they are kept in two files."""

from __future__ import annotations

from itertools import islice

from teachgym.errors import ConfigError, RunError
from teachgym.records import parse_example
from teachgym.runs.files import complete_lines
from teachgym.runs.folder import RunFolder
from teachgym.runs.journal import Journal
from teachgym.shown import command
from teachgym.types import Example


def read_taught(
    run: RunFolder, *, going_on: bool = False
) -> tuple[tuple[Example, float | None], ...]:
    """Every example trained on, with its loss when it was first met; None = not known.

    Args:
        run: where they are.
        going_on: whether the run is: then those of a step that is not over are left out.

    Raises:
        RunError: if there are not as many examples as the journal says, or a line is no example.
    """
    losses = Journal(run.journal).losses
    lines = enumerate(complete_lines(run.examples), 1)
    whole = islice(lines, len(losses)) if going_on else lines
    try:
        examples = [parse_example(line, f"{run.examples}:{number}") for number, line in whole]
    except ConfigError as error:
        raise RunError(f"{error}; restore it from a copy") from error
    if len(examples) > len(losses):
        raise RunError(
            f"{run.examples} has examples of a step that was not finished; continue with: "
            f"{command('resume', run.path)}"
        )
    if len(examples) < len(losses):
        raise RunError(
            f"{run.examples} has {len(examples)} of {len(losses)} examples; restore it from a copy"
        )
    return tuple(zip(examples, losses, strict=True))
