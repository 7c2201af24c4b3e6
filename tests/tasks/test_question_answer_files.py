"""Data sets from files, folders and the hub, and what is said when they cannot be read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from teachgym.errors import ConfigError
from teachgym.tasks.question_answer_files import Row, read_splits
from tests.tasks.math_files import gsm8k_rows, math_rows, write_lines, write_table

pytest.importorskip("pyarrow")

TRAIN, TEST = gsm8k_rows(3), gsm8k_rows(2, first=3)


def values(rows: list[Row]) -> list[Any]:
    return [row.values for row in rows]


def check(rows: dict[str, list[Row]]) -> None:
    assert values(rows["train"]) == TRAIN
    assert values(rows["test"]) == TEST


@pytest.mark.parametrize("write", [write_lines, write_table])
@pytest.mark.parametrize(
    "names",
    [
        ("train{}", "test{}"),
        ("train-00000-of-00001{}", "test-00000-of-00001{}"),
        ("data/train{}", "data/test{}"),
        ("train/part{}", "test/part{}"),
    ],
)
def test_a_folder_is_read_by_the_names_of_its_files(
    tmp_path: Path, names: tuple[str, str], write: Any
) -> None:
    suffix = ".jsonl" if write is write_lines else ".parquet"
    for name, rows in zip(names, (TRAIN, TEST), strict=True):
        write(tmp_path / name.format(suffix), rows)
    write_lines(tmp_path / "train_socratic.jsonl", [{"other": 1}])
    write_lines(tmp_path / "training.jsonl", [{"other": 1}])
    check(read_splits(str(tmp_path)))


def test_a_file_for_each_problem_is_read_in_the_order_of_names(tmp_path: Path) -> None:
    for split, rows in {"train": TRAIN, "test": TEST}.items():
        for i, row in enumerate(rows):
            path = tmp_path / split / "algebra" / f"{i}.json"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(row))
    check(read_splits(str(tmp_path)))


def test_files_can_be_named_one_by_one(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(json.dumps(TRAIN[:2]))
    write_lines(tmp_path / "b.jsonl", TRAIN[2:])
    write_table(tmp_path / "c.parquet", TEST)
    train = [str(tmp_path / "a.json"), str(tmp_path / "b.jsonl")]
    check(read_splits({"train": train, "test": str(tmp_path / "c.parquet")}))


def test_a_config_is_a_sub_folder(tmp_path: Path) -> None:
    for config, rows in {"main": TRAIN, "socratic": gsm8k_rows(9)}.items():
        write_lines(tmp_path / config / "train.jsonl", rows)
        write_lines(tmp_path / config / "test.jsonl", TEST)
    check(read_splits(str(tmp_path), config="main"))
    assert len(read_splits(str(tmp_path))["train"]) == 3 + 9


def test_a_data_set_on_the_hub_is_downloaded_and_read_like_a_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import huggingface_hub

    write_lines(tmp_path / "main" / "train.jsonl", TRAIN)
    write_lines(tmp_path / "main" / "test.jsonl", TEST)
    asked: list[Any] = []

    def download(name: str, **settings: Any) -> str:
        asked.append((name, settings))
        return str(tmp_path)

    monkeypatch.setattr(huggingface_hub, "snapshot_download", download)
    check(read_splits("openai/gsm8k", config="main", revision="abc"))
    patterns = ["main/*.jsonl", "main/*.json", "main/*.parquet", "main/*.csv"]
    settings = {"repo_type": "dataset", "revision": "abc", "allow_patterns": patterns}
    assert asked == [("openai/gsm8k", settings)]


def test_a_data_set_that_the_hub_does_not_deliver_is_a_configuration_error() -> None:
    with pytest.raises(ConfigError, match=r"no-such/data-set.*connect once"):
        read_splits("no-such/data-set")


@pytest.mark.network
@pytest.mark.parametrize(
    ("name", "config", "train", "test"),
    [("openai/gsm8k", "main", 7473, 1319), ("EleutherAI/hendrycks_math", None, 7500, 5000)],
)
def test_the_published_data_sets_can_be_read(
    name: str, config: str | None, train: int, test: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    import huggingface_hub

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)
    rows = read_splits(name, config=config)
    assert (len(rows["train"]), len(rows["test"])) == (train, test)


def test_a_missing_folder_or_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"no folder '\./nowhere'"):
        read_splits("./nowhere")
    with pytest.raises(ConfigError, match=r"no file 'nowhere.jsonl' for the split 'train'"):
        read_splits({"train": "nowhere.jsonl", "test": "nowhere.jsonl"})
    with pytest.raises(ConfigError, match=r"'train' and for 'test'"):
        read_splits({"train": "nowhere.jsonl"})
    file = write_lines(tmp_path / "train.jsonl", TRAIN)
    with pytest.raises(ConfigError, match=r"is one file; give a folder"):
        read_splits(str(file))


def test_a_split_without_rows_is_named(tmp_path: Path) -> None:
    write_lines(tmp_path / "train.jsonl", TRAIN)
    with pytest.raises(ConfigError, match=r"'test' is empty .*no file"):
        read_splits(str(tmp_path))
    write_lines(tmp_path / "test.jsonl", [])
    with pytest.raises(ConfigError, match=r"'test' is empty .*test\.jsonl"):
        read_splits(str(tmp_path))


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("train.jsonl", b'{"question": "a"}\n\n{"question": \n', r"train\.jsonl:3 cannot be read"),
        ("train.jsonl", b'{"question": "a"}\n[1]\n', r"train\.jsonl:2 is not an object"),
        ("train.json", b'[{"question": "a"}, 5]', r"train\.json: item 2 is not an object"),
        ("train.json", b'[\n{"question"}]', r"train\.json cannot be read as JSON.*line 2"),
        ("train.jsonl", b'{"question": "\xff"}\n', r"train\.jsonl is not UTF-8"),
        ("train.parquet", b"PAR1 not really", r"train\.parquet cannot be read as Parquet"),
    ],
)
def test_what_cannot_be_read_is_named_by_file_and_line(
    tmp_path: Path, name: str, content: bytes, message: str
) -> None:
    (tmp_path / name).write_bytes(content)
    write_lines(tmp_path / "test.jsonl", TEST)
    with pytest.raises(ConfigError, match=message):
        read_splits(str(tmp_path))


def test_a_file_of_another_kind_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.tsv").write_text("question\tanswer\n")
    with pytest.raises(ConfigError, match=r"a\.tsv is not one of \.jsonl, \.json, \.parquet"):
        read_splits({"train": str(tmp_path / "a.tsv"), "test": str(tmp_path / "a.tsv")})


def test_a_missing_column_is_named_with_those_that_are_there() -> None:
    row = Row(math_rows(1)[0], "f.jsonl:7")
    with pytest.raises(ConfigError, match=r"f\.jsonl:7 has no column 'answer'; it has problem"):
        row.text("answer")


@pytest.mark.parametrize("value", [None, float("nan"), True, ["5"], "  "])
def test_a_column_without_text_is_named(value: object) -> None:
    with pytest.raises(ConfigError, match=r"f\.jsonl:7: 'answer' is"):
        Row({"answer": value}, "f.jsonl:7").text("answer")


def test_a_column_may_hold_whole_numbers() -> None:
    assert Row({"level": 3}, "f.jsonl:7").text("level") == "3"
