"""Reads what trackers wrote: TensorBoard's event files and wandb's offline records."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

_BLOCK = 32768


def shown_by_tensorboard(
    folder: Path, *, repeated: tuple[str, ...] = ()
) -> dict[str, dict[int, float]]:
    """Metric to step to value, as TensorBoard shows them, a step that is there twice refused.

    Names that begin with ``repeated`` may say the same again.

    Files are read in the order of their names; the mark of a restart at step s takes back what
    was said of s and later steps.
    """
    from tensorboardX.proto.event_pb2 import Event, SessionLog

    shown: dict[str, dict[int, float]] = {}
    for path in sorted(folder.iterdir()):
        for content in _tensorboard_records(path.read_bytes()):
            event = Event.FromString(content)
            if event.session_log.status == SessionLog.START:
                for values in shown.values():
                    for step in [step for step in values if step >= event.step]:
                        del values[step]
            for value in event.summary.value:
                known = shown.setdefault(value.tag, {})
                if value.tag.startswith(repeated) and event.step in known:
                    assert known[event.step] == value.simple_value, (value.tag, event.step)
                else:
                    assert event.step not in known, (value.tag, event.step)
                known[event.step] = value.simple_value
    return shown


def _tensorboard_records(content: bytes) -> Iterator[bytes]:
    """TFRecord: length, its checksum, the data, its checksum."""
    while content:
        (length,) = struct.unpack("<Q", content[:8])
        yield content[12 : 12 + length]
        content = content[16 + length :]


def wandb_records(path: Path) -> Iterator[Any]:
    """The messages in a ``.wandb`` file, which is LevelDB's log format after 7 bytes of header."""
    from wandb.proto import wandb_internal_pb2

    content, record = path.read_bytes(), b""
    assert content.startswith(b":W&B")
    place = 7
    while place < len(content):
        left = _BLOCK - place % _BLOCK
        if left < 7:
            place += left
            continue
        _, length, kind = struct.unpack("<IHB", content[place : place + 7])
        record += content[place + 7 : place + 7 + length]
        place += 7 + length
        if kind in (1, 4):  # whole, or the last piece
            yield wandb_internal_pb2.Record.FromString(record)
            record = b""
