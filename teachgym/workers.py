"""One worker a GPU: processes of which each sees a single device, and no collectives.

Episodes are independent, so several GPUs need nothing but several processes; with K students in
each (``num_envs=K``), G GPUs teach G x K students.
"""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from threading import Thread
from typing import Any

VISIBLE = "CUDA_VISIBLE_DEVICES"


def worker_pool(n_workers: int, gpus: Sequence[int | str] = ()) -> ProcessPoolExecutor:
    """Processes that start afresh, so that each can bind itself to a device.

    They end when this process does, however it ends: a worker that outlived it would go on writing
    what the next one has begun to write.

    Args:
        n_workers: how many, where no GPUs are named.
        gpus: numbers or ids of the GPUs to use, as ``CUDA_VISIBLE_DEVICES`` takes them: one
            worker for each, to which it is the only one.

    Example:
        >>> with worker_pool(1) as pool:
        ...     pool.submit(abs, -3).result()
        3
    """
    # A forked process could not use CUDA after its parent has.
    context = multiprocessing.get_context("spawn")
    waiting = context.Queue() if gpus else None
    for gpu in gpus:
        assert waiting is not None
        waiting.put(str(gpu))
    return ProcessPoolExecutor(
        len(gpus) or n_workers, mp_context=context, initializer=_begin, initargs=(waiting,)
    )


def _begin(waiting: Any) -> None:
    """Before torch is loaded: take a GPU that no other worker has taken, if there are any."""
    Thread(target=_end_with_parent, daemon=True).start()
    if waiting is not None:
        os.environ[VISIBLE] = waiting.get()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)  # The main thread may be anywhere; all that it writes can be resumed.
