"""What a run's configuration says of what stands in the wrong place."""

from __future__ import annotations

from typing import Any

import pytest

from teachgym.errors import ConfigError
from teachgym.runs.config import RunConfig


@pytest.mark.parametrize(
    ("record", "text"),
    [
        ({"student": "tiny"}, "unknown setting 'student' of a run.*in the table env_settings"),
        ({"teachr": "alp"}, "Did you mean 'teacher'"),
        ({"teacher": {"power": 2}}, "put its settings into the table teacher_settings"),
        ([1], r"settings of a run is \[1\]"),
    ],
)
def test_what_stands_in_the_wrong_place_is_told_where_it_belongs(record: Any, text: str) -> None:
    with pytest.raises(ConfigError, match=text):
        RunConfig.of(record)
