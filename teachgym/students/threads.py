"""Where a model computes: the current GPU, and CPU threads of small models.

They have one thread, unless the user has asked for another number.

In a model of a few million parameters an operation takes less time than threads need to meet. They
meet by spinning, so where other processes want the cores too, each operation may wait for a time
slice of the scheduler, and the model computes many times slower than with one thread.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from teachgym.students.settings import FULL_BELOW

VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS")
"""A number in one of these is the user's choice; they are read each time."""


@contextmanager
def few_threads(n_parameters: int, device: torch.device) -> Iterator[None]:
    """Within, use one thread for a model below ``FULL_BELOW`` on a CPU; afterwards as before.

    A model's GPU is the current one within, since streams, graphs and kernels of Triton are those
    of the current one, wherever tensors are.

    A number that somebody has chosen stays: one in ``VARIABLES``, or by ``torch.set_num_threads``
    where it is not the number that torch takes by itself.

    Args:
        n_parameters: of the model.
        device: where it computes.
    """
    if device.type == "cuda":
        with torch.cuda.device(device):
            yield
        return
    before = torch.get_num_threads()
    if n_parameters >= FULL_BELOW or device.type != "cpu" or before == 1 or _is_chosen(before):
        yield
        return
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _is_chosen(threads: int) -> bool:
    """Whether somebody has set this number: torch itself takes all cores.

    Which cores it counts depends on its libraries: those of the machine or those that the process
    may use, two to a physical core or one.
    """
    if any(os.environ.get(name) for name in VARIABLES):
        return True
    cores = {os.cpu_count() or 1}
    if hasattr(os, "sched_getaffinity"):  # not on macOS and Windows
        cores.add(len(os.sched_getaffinity(0)))
    return threads not in cores | {n // 2 for n in cores}
