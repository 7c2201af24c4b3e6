"""Secrets are found in every form, data is left alone, and shown text cannot act."""

from __future__ import annotations

import base64
import html
import json
import logging
import string
import unicodedata
from urllib.parse import quote

import pytest
import yaml
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from teachgym import redaction
from teachgym.escaping import markdown, markdown_name, terminal
from teachgym.redaction import RedactingFilter, hide, redact, redact_settings, strip_url

KEYS = st.text(string.ascii_letters + string.digits + "-_./+=&<'\"\\", min_size=12, max_size=60)


@pytest.fixture(autouse=True)
def _forget(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redaction, "_REMEMBERED", set())


def in_base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


FORMS = {
    "as it is": lambda key: key,
    "JSON": json.dumps,
    "HTML": html.escape,
    "address": lambda key: quote(key, safe=""),
    "base64": in_base64,
    "base64 after one": lambda key: in_base64(f"u{key}"),
    "base64 between": lambda key: in_base64(f"user:{key}@host"),
    "base64 of addresses": lambda key: base64.urlsafe_b64encode(f"ab{key}".encode()).decode(),
    "hexadecimal": lambda key: key.encode().hex().upper(),
}
WHOLE = list(FORMS)


@pytest.mark.sweep(5)
@pytest.mark.parametrize("form", WHOLE)
@given(key=KEYS)
@settings(max_examples=10)
def test_a_secret_is_found_in_every_form(form: str, key: str) -> None:
    """What is left holds no run of eight of the form's characters that the secret decides."""
    redaction.remember(key)
    text = FORMS[form](key)
    left = hide(text)
    assert "***" in left
    assert key not in left
    middle = text[len(text) // 2 - 3 : len(text) // 2 + 3]
    assert middle not in left


def test_a_secret_of_digits_is_no_part_of_a_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_PASSWORD", "333333")
    numbers = json.dumps([1 / 3, 1333333, 333333.5, 0.333333])
    assert hide(numbers) == numbers
    assert hide("333333, x333333 and (333333).") == "***, x*** and (***)."


@settings(max_examples=20)
@given(
    key=st.text(string.ascii_letters + string.digits, min_size=16, max_size=60),
    head=st.integers(3, 8),
    tail=st.integers(3, 6),
    mask=st.sampled_from(["****", "**********", "...", "…", "•••", "xxxx", "[redacted]"]),
)
def test_a_masked_secret_leaves_no_end(key: str, head: int, tail: int, mask: str) -> None:
    assume(len(set(key)) > 8)
    redaction.remember(key)
    for shown in (
        f"key {key[:head]}{mask}{key[-tail:]} is wrong",
        f"key {mask}{key[-tail:]} is wrong" if mask[0] not in "x[" else "***",
        f"a key ending in {key[-tail:]}",
        f"it starts with '{key[:head]}'",
    ):
        left = hide(shown)
        assert "***" in left
        assert f" {key[:head]}" not in left
        assert not left.endswith(key[-tail:])


@pytest.mark.parametrize(
    ("text", "gone"),
    [
        ("http://user:hunter2@host/v1 is down", "hunter2"),
        ("https://host/v1?api_key=abc&x=1", "abc"),
        ("wss://h/?x=1&access_token=abc", "abc"),
        ("could not reach user:hunter2@host:80", "hunter2"),
        ("{'Authorization': 'Bearer abc.def'}", "abc"),
        ("authorization=Basic dXNlcjpwYXNz", "dXNl"),
        ('{"api_key": "abc"}', "abc"),
        ("X-API-Key: abcdef", "abcdef"),
        ("invalid sk-proj-abcdefgh", "abcdefgh"),
        ("token hf_abcdefghijklmnop", "abcdefgh"),
    ],
)
def test_what_looks_like_a_secret_is_taken_out_of_messages_and_left_in_data(
    text: str, gone: str
) -> None:
    assert gone not in redact(text)
    assert hide(text) == text


@given(st.text())
def test_without_secrets_data_is_left_alone(text: str) -> None:
    assert hide(text) == text


def test_variables_of_the_environment_are_known_by_their_names(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("MY_API_KEY", "hf_token", "DB_PASSWORD", "CLIENT_SECRET"):
        monkeypatch.setenv(name, f"value-of-{name}-1")
        assert hide(f"it is value-of-{name}-1!") == "it is ***!"
    monkeypatch.setenv("MY_API_KEY", "EMPTY")
    assert hide("EMPTY") == "EMPTY"


@pytest.mark.parametrize(
    ("url", "kept"),
    [
        ("http://a:b@h:8000/v1", "http://h:8000/v1"),
        ("http://a%40x:p%2Fw@[::1]:80/v1", "http://[::1]:80/v1"),
        ("http://token@h", "http://h"),
        ("http://h/v1?key=1&api-version=2&sig=3", "http://h/v1?api-version=2"),
        ("http://h/v1#access_token=1", "http://h/v1"),
        ("http://h/v1?max_tokens=3", "http://h/v1?max_tokens=3"),
        ("http://h/v1", "http://h/v1"),
        ("http://a:b@[::1", "http://[::1"),
    ],
)
def test_addresses_are_kept_without_their_secrets(url: str, kept: str) -> None:
    assert strip_url(url) == kept
    nested = {"spec": json.dumps({"chat": {"base_url": url}}), "list": [url, 3, None]}
    assert redact_settings(nested)["list"] == [kept, 3, None]
    assert kept in redact_settings(nested)["spec"]


def test_settings_that_only_look_like_secrets_stay_as_they_are() -> None:
    settings = {"model": "sk-learning-rate", "note": "Authorization: Bearer of bad news"}
    assert redact_settings(settings) == settings


def test_what_other_libraries_log_is_redacted() -> None:
    record = logging.LogRecord("x", 20, "", 0, "GET %s", ("http://u:pw1234@h/v1",), None)
    assert RedactingFilter().filter(record)
    assert record.getMessage() == "GET http://h/v1"


@given(st.text())
def test_no_control_character_reaches_a_terminal(text: str) -> None:
    shown = terminal(text)
    assert not {unicodedata.category(c) for c in shown if c not in "\n\t"} & {"Cc", "Cf", "Zl"}


def test_sequences_are_shown() -> None:
    assert terminal("a\x1b[31mb\x9bc\rd\u202e") == "a\\x1b[31mb\\x9bc\\rd\\u202e"


@given(st.text(alphabet="ab<>&|[]()!`\\\n\r\x1b\u202e#*-", max_size=40))
def test_markdown_is_one_line_without_tags_links_or_cells(text: str) -> None:
    shown = markdown(text)
    assert len(shown.splitlines()) <= 1
    assert not set("<>") & set(shown)
    for mark in "|[]`":
        assert shown.replace("\\\\", "").replace(f"\\{mark}", "").count(mark) == 0
    assert markdown_name(text).count("`") in (0, 2) or "\\`" in markdown_name(text)


def test_a_license_is_one_value_of_the_card_whatever_it_says() -> None:
    """As the card's template writes it."""
    from jinja2 import Environment

    for license in ("mit\ntags: [evil]", "a: b", '"', "- x", "{{ x }}", "<b>"):
        text = Environment().from_string("license: {{ l | tojson }}\nb: 1").render(l=license)
        assert yaml.safe_load(text) == {"license": license, "b": 1}
