"""The listener: pages with a cursor that is never ahead, resumed after a kill, quiet when nothing changed."""

import json
import os
from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path

import pytest
from clock import NOW

from listeners.files import FilesListener, FilesSettings, Mapping
from listeners.ports import ListenerContext
from storage.errors import ConfigError
from storage.pages import Page

DATA = Path(__file__).parents[1] / "data" / "files"
CONTEXT = ListenerContext(name="exports", brand="Acme")


def listener(path: Path, **settings: object) -> FilesListener:
    return FilesListener.build(FilesSettings(path=str(path), **settings), CONTEXT)  # type: ignore[arg-type]


def ids(pages: Iterable[Page]) -> list[str]:
    return [mention.native_id for page in pages for mention in page.mentions]


def write(path: Path, count: int, start: int = 0) -> None:
    body = "".join(f"{n},bo,text {n},{NOW - timedelta(hours=n):%Y-%m-%dT%H:%M:%SZ}\n" for n in range(start, count))
    path.write_text("id,author,text,date\n" + body)


def test_an_import_killed_after_any_page_goes_on_behind_it(tmp_path: Path) -> None:
    write(tmp_path / "a.csv", 25)
    whole = ids(listener(tmp_path / "a.csv", page_size=4).poll(None, NOW))
    assert whole == [str(n) for n in range(25)]
    for stop in range(1, 8):
        first = []
        for page in listener(tmp_path / "a.csv", page_size=4).poll(None, NOW):
            first.append(page)
            if len(first) == stop:
                break
        cursor = json.loads(json.dumps(first[-1].cursor))
        assert ids(first) + ids(listener(tmp_path / "a.csv", page_size=4).poll(cursor, NOW)) == whole


def test_repeats_stay_known_across_a_kill(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("text,date\n" + "nice,2024-03-05\n" * 5)
    settings = {"mapping": Mapping(text="text", time="date"), "page_size": 2}
    whole = ids(listener(tmp_path / "a.csv", **settings).poll(None, NOW))
    first = next(iter(listener(tmp_path / "a.csv", **settings).poll(None, NOW)))
    assert ids([first]) + ids(listener(tmp_path / "a.csv", **settings).poll(first.cursor, NOW)) == whole
    assert len(set(whole)) == 5


def test_a_file_that_has_not_changed_is_not_read_again_and_a_changed_one_is(tmp_path: Path) -> None:
    write(tmp_path / "a.csv", 3)
    pages = list(listener(tmp_path / "a.csv").poll(None, NOW))
    assert list(listener(tmp_path / "a.csv").poll(pages[-1].cursor, NOW)) == []
    os.utime(tmp_path / "a.csv", (1, 1))
    touched = list(listener(tmp_path / "a.csv").poll(pages[-1].cursor, NOW))
    assert ids(touched) == []
    assert list(listener(tmp_path / "a.csv").poll(touched[-1].cursor, NOW)) == []
    write(tmp_path / "a.csv", 5)
    assert ids(listener(tmp_path / "a.csv").poll(pages[-1].cursor, NOW)) == ["0", "1", "2", "3", "4"]


def test_a_folder_is_heard_file_by_file_and_a_foreign_file_stops_nobody(tmp_path: Path) -> None:
    write(tmp_path / "a.csv", 2)
    (tmp_path / "b.csv").write_bytes(b"PK\x03\x04 a workbook by another name")
    write(tmp_path / "c.csv", 4, start=2)
    (tmp_path / "notes.md").write_text("not an export")
    pages = list(listener(tmp_path).poll(None, NOW))
    assert ids(pages) == ["0", "1", "2", "3"]
    refused = [rejection for page in pages for rejection in page.rejections]
    assert [Path(rejection.place).name for rejection in refused] == ["b.csv"]
    assert list(listener(tmp_path).poll(pages[-1].cursor, NOW)) == []
    write(tmp_path / "d.csv", 5, start=4)
    assert ids(listener(tmp_path / "*.csv").poll(pages[-1].cursor, NOW)) == ["4"]


def test_only_the_last_page_of_a_file_says_what_was_heard(tmp_path: Path) -> None:
    write(tmp_path / "a.csv", 5)
    pages = list(listener(tmp_path / "a.csv", page_size=2).poll(None, NOW))
    assert [page.heard is not None for page in pages] == [False, False, True]
    assert pages[-1].heard is not None
    assert pages[-1].heard.ended_at == NOW
    assert pages[-1].heard.started_at == NOW - timedelta(hours=4)


def test_imports_are_history_unless_told_otherwise(tmp_path: Path) -> None:
    write(tmp_path / "a.csv", 48)
    assert all(page.backfilled for page in listener(tmp_path / "a.csv").poll(None, NOW))
    assert not any(page.backfilled for page in listener(tmp_path / "a.csv", backfill=False).poll(None, NOW))
    old, fresh = listener(tmp_path / "a.csv", backfill="auto").poll(None, NOW)
    assert (old.backfilled, len(old.mentions)) == (True, 23)
    assert (fresh.backfilled, len(fresh.mentions)) == (False, 25)
    assert old.cursor == {"files": []}


def test_every_row_is_a_mention_a_rejection_or_counted(tmp_path: Path) -> None:
    pages = list(listener(DATA / "airline.csv", preset="airline", page_size=2).poll(None, NOW))
    mentions = sum(len(page.mentions) for page in pages)
    refused = sum(len(page.rejections) for page in pages)
    skipped = sum(sum(page.skipped.values()) for page in pages)
    assert (mentions, refused, skipped) == (3, 1, 1)


def test_a_preset_knows_its_network_and_a_wrong_setting_is_an_error(tmp_path: Path) -> None:
    assert listener(tmp_path / "a.csv", preset="airline").network == "x"
    assert listener(tmp_path / "a.csv", network="forum").network == "forum"
    with pytest.raises(ConfigError, match="no preset"):
        listener(tmp_path / "a.csv", preset="myspace")
    with pytest.raises(ConfigError, match="not both"):
        listener(tmp_path / "a.csv", preset="airline", mapping={"text": "t"})
    with pytest.raises(ConfigError, match="no file"):
        list(listener(tmp_path / "missing.csv").poll(None, NOW))
    assert list(listener(tmp_path / "*.csv").poll(None, NOW)) == []


def test_the_class_names_a_network_as_every_listener_does() -> None:
    assert FilesListener.network == "file"
