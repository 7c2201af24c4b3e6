"""The arguments of chat templates."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import jinja2
from jinja2 import meta

from teachgym.errors import ConfigError, unknown

FIXED_DATE = "2024-07-26"
"""The date that Llama 3's chat template prints where it is told none."""

_TAKEN = frozenset(
    [
        "messages",
        "tools",
        "documents",
        "add_generation_prompt",
        "continue_final_message",
        "tokenize",
    ]
)
"""Arguments that say what is asked, not how."""


_CLOCK = "strftime_now"
"""The function that tells chat templates the time."""


def require_date(date: str) -> None:
    """Raise ``ConfigError`` for anything but ``today`` and dates as ``YYYY-MM-DD``."""
    if date == "today":
        return
    try:
        datetime.strptime(date, "%Y-%m-%d")
    except ValueError as error:
        raise ConfigError(
            f"date is {date!r}; it must be a date such as '2024-07-26', or 'today'"
        ) from error


def dated(template: str, date: str) -> str:
    """A chat template with a fixed date; ``today`` keeps the real one.

    transformers hands templates data and no functions, so ``strftime_now`` is hidden by a macro.
    """
    if date == "today" or _CLOCK not in template:
        return template
    then = datetime.fromisoformat(date)
    known = [*(f"%{letter}" for letter in "aAwdbBmyYHIpMSfzZjUWcxXGuV"), "%e", "%-d", "%-m"]
    steps = [f"|replace({name!r},{then.strftime(name)!r})" for name in sorted(known, key=len)]
    macro = f"{{%- macro {_CLOCK}(format) -%}}{{{{ format{''.join(steps)} }}}}{{%- endmacro %}}"
    return macro + template


def require_template(tokenizer: Any, template: Mapping[str, Any], *, chat: bool) -> None:
    """Refuse arguments that a tokenizer's chat template does not use.

    Raises:
        ConfigError: with the names that it reads.
    """
    if not template:
        return
    if not chat:
        raise ConfigError(
            f"template is {dict(template)!r}, but prompts are not put into a chat template; "
            "leave it out"
        )
    if taken := sorted(_TAKEN & template.keys()):
        raise ConfigError(f"template has {taken[0]!r}, which is set here; leave it out")
    environment = jinja2.Environment(extensions=["jinja2.ext.loopcontrols"])  # never rendered
    try:
        names = meta.find_undeclared_variables(environment.parse(tokenizer.get_chat_template()))
    except jinja2.TemplateSyntaxError:  # a tag that only transformers knows
        return
    for name in template:
        if name not in names:
            raise ConfigError(unknown("template argument", name, names - _TAKEN))
