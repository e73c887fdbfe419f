"""What every listener promises, ours and third parties': found by entry point, proven against its own source."""

import importlib
import json
import logging
import socket
from collections.abc import Callable, Iterator
from datetime import UTC, timedelta
from pathlib import Path
from typing import Any

import pytest
from harness import FAULTS, ListenerHarness

from listeners import registry
from listeners.errors import AuthFailed, RateLimited, SourceError, Transient
from listeners.ports import Page

HERE = Path(__file__).parent
DATA = HERE.parent / "data"
POLLS = 60
"""More polls than any source here needs to be read to its end."""


def load_harness(name: str) -> type[ListenerHarness]:
    try:
        return importlib.import_module(f"harness_{name}").Harness  # type: ignore[no-any-return]
    except ModuleNotFoundError as error:
        if error.name != f"harness_{name}":
            raise
        pytest.fail(
            f"The listener {name!r} has no harness, so nothing proves that it keeps its promises. Write "
            f"tests/contracts/harness_{name}.py with a class Harness as tests/contracts/harness.py describes; "
            "harness_x.py is an example.",
            pytrace=False,
        )


@pytest.fixture(params=registry.names())
def source(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[ListenerHarness]:
    with load_harness(request.param)(tmp_path) as harness:
        yield harness


@pytest.fixture
def remote(source: ListenerHarness) -> ListenerHarness:
    if not source.remote:
        pytest.skip("reads no network")
    return source


class Heard:
    """What a store would hold: each mention once, at its newest; and the cursor of the last page."""

    def __init__(self, cursor: Any = None) -> None:
        self.mentions: dict[str, dict[str, Any]] = {}
        self.rejections: list[Any] = []
        self.cursor = cursor
        self.pages = 0

    def take(self, page: Page) -> None:
        self.pages += 1
        for mention in page.mentions:
            self.mentions[mention.native_id] = mention.model_dump(mode="json", exclude={"raw"})
        for gone in page.deletions:
            self.mentions.pop(gone.native_id, None)
        self.rejections += page.rejections
        if page.cursor is not None:
            self.cursor = json.loads(json.dumps(page.cursor))


def read_on(source: ListenerHarness, heard: Heard, start: int = 0) -> Heard:
    """Poll until two polls in a row add nothing, each with a new listener and the stored cursor."""
    quiet = 0
    for number in range(start, start + POLLS):
        before = dict(heard.mentions)
        for page in source.listener().poll(heard.cursor, source.now + timedelta(seconds=number)):
            heard.take(page)
        quiet = quiet + 1 if heard.mentions == before else 0
        if quiet == 2:
            return heard
    raise AssertionError(f"after {POLLS} polls there is still more to hear")


def pages_of_first_poll(source: ListenerHarness) -> int:
    return sum(1 for _ in source.listener().poll(None, source.now))


def test_everything_published_is_heard_and_times_are_utc(source: ListenerHarness) -> None:
    source.publish(35, before=source.now)
    heard = read_on(source, Heard())
    assert set(heard.mentions) == source.expected()
    for page in source.listener().poll(None, source.now):
        for mention in page.mentions:
            assert mention.posted_at.utcoffset() == timedelta(0)
            assert mention.posted_at.tzinfo is UTC
            assert mention.network == source.listener().network
            assert mention.brand


def test_ids_and_facts_are_the_same_when_heard_again(source: ListenerHarness) -> None:
    source.publish(23, before=source.now)
    assert read_on(source, Heard()).mentions == read_on(source, Heard()).mentions


def test_the_first_poll_is_bounded(source: ListenerHarness) -> None:
    source.publish(300 if source.remote else 40, before=source.now)
    assert pages_of_first_poll(source) <= 60


def test_stopped_after_any_page_and_restarted_nothing_is_missing(source: ListenerHarness) -> None:
    source.publish(12, before=source.now)
    whole = read_on(source, Heard()).mentions
    for stop in range(pages_of_first_poll(source)):
        heard = Heard()
        pages = source.listener().poll(None, source.now)
        for _ in range(stop + 1):
            heard.take(next(pages))
        del pages
        assert read_on(source, heard, start=1).mentions == whole, f"stopped after page {stop + 1}"


def test_a_page_that_was_never_stored_is_heard_again(source: ListenerHarness) -> None:
    source.publish(12, before=source.now)
    whole = read_on(source, Heard()).mentions
    for lost in range(pages_of_first_poll(source)):
        heard = Heard()
        pages = source.listener().poll(None, source.now)
        for number in range(lost + 1):
            page = next(pages)
            if number < lost:  # the last page is fetched, and the process dies before it is stored
                heard.take(page)
        assert read_on(source, heard, start=1).mentions == whole, f"lost page {lost + 1}"


def test_posts_that_arrive_between_two_polls_are_heard_even_in_a_burst(source: ListenerHarness) -> None:
    source.publish(12, before=source.now)
    heard = Heard()
    for page in source.listener().poll(None, source.now):
        heard.take(page)
    source.publish(90, before=source.now + timedelta(minutes=9))
    source.now += timedelta(minutes=9)
    assert set(read_on(source, heard).mentions) == source.expected()


@pytest.mark.parametrize("fault", ["500", "429"])
def test_after_a_failure_at_any_request_nothing_is_missing(remote: ListenerHarness, fault: str) -> None:
    remote.publish(12, before=remote.now)
    whole = read_on(remote, Heard()).mentions
    failed = 0
    for request in range(1, pages_of_first_poll(remote) + 1):
        heard = Heard()
        remote.fail(fault, request)
        try:
            for page in remote.listener().poll(None, remote.now):
                heard.take(page)
        except SourceError:
            failed += 1
        remote.server.faults.clear()  # type: ignore[attr-defined]
        assert read_on(remote, heard, start=1).mentions == whole, f"failed at request {request}"
    assert failed > 2


def test_a_cursor_is_json_and_is_not_changed_by_the_next_page(source: ListenerHarness) -> None:
    source.publish(35, before=source.now)
    kept = [(page.cursor, json.dumps(page.cursor)) for page in source.listener().poll(None, source.now)]
    assert len(kept) > 1
    for cursor, then in kept:
        assert json.dumps(cursor) == then


def test_making_a_listener_opens_no_connection(remote: ListenerHarness, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("a connection was opened")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket.socket, "connect_ex", refuse)
    assert remote.listener().network


def test_a_listener_without_a_harness_is_told_what_to_write() -> None:
    with pytest.raises(pytest.fail.Exception, match=r"harness_newcomer\.py"):
        load_harness("newcomer")


def test_an_empty_source_is_fine(source: ListenerHarness) -> None:
    heard = read_on(source, Heard())
    assert heard.mentions == {}
    assert heard.rejections == []


def test_one_bad_item_is_kept_aside_and_costs_nothing_else(source: ListenerHarness) -> None:
    source.publish(9, before=source.now)
    source.publish_bad()
    heard = read_on(source, Heard())
    assert set(heard.mentions) == source.expected()
    assert heard.rejections
    for rejection in heard.rejections:
        assert rejection.place
        assert rejection.reason
        assert rejection.raw


def poll_all(source: ListenerHarness) -> None:
    for _ in source.listener().poll(None, source.now):
        pass


@pytest.mark.parametrize("fault", ["429", "429 without headers"])
def test_too_many_requests_says_until_when_to_wait(remote: ListenerHarness, fault: str) -> None:
    remote.fail(fault, 1)
    with pytest.raises(RateLimited) as raised:
        poll_all(remote)
    assert raised.value.until.utcoffset() == timedelta(0)
    assert timedelta(0) < raised.value.until - remote.now <= timedelta(hours=24)


def test_refused_credentials_park_the_listener(remote: ListenerHarness) -> None:
    remote.fail("401", 1)
    with pytest.raises(AuthFailed):
        poll_all(remote)


@pytest.mark.parametrize("fault", ["500", "html", "truncated", "not json", "hang"])
def test_a_source_in_trouble_is_asked_again_later(remote: ListenerHarness, fault: str) -> None:
    remote.publish(3, before=remote.now)
    remote.fail(fault, 1)
    with pytest.raises(Transient):
        poll_all(remote)


@pytest.mark.parametrize("fault", ["none", *FAULTS])
def test_no_secret_is_ever_shown(
    remote: ListenerHarness, fault: str, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    for name in ("tweepy", "tweepy.client", "praw", "prawcore", "urllib3", "urllib3.connectionpool", "requests"):
        caplog.set_level(logging.DEBUG, logger=name)
    remote.publish(3, before=remote.now)
    if fault != "none":
        remote.fail(fault, 1)
    listener = remote.listener()
    seen = [repr(listener), str(vars(listener))]
    try:
        for page in listener.poll(None, remote.now):
            seen.append(repr(page))
    except SourceError as error:
        seen += [_everything_about(error), *(_everything_about(each) for each in _causes(error))]
    seen += [repr(listener), caplog.text, *capfd.readouterr()]
    for secret in remote.secrets:
        for text in seen:
            assert secret not in text


def _everything_about(error: BaseException) -> str:
    return f"{error!r} {error} {error.args} {vars(error)}"


def _causes(error: BaseException) -> Iterator[BaseException]:
    for other in (error.__cause__, error.__context__):
        if other is not None:
            yield other
            yield from _causes(other)


def recorded() -> list[Any]:
    return [pytest.param(path, id=f"{path.parent.name}-{path.name}") for path in sorted(DATA.glob("*/*.raw.json"))]


@pytest.mark.parametrize("path", recorded())
def test_a_recorded_payload_becomes_the_mention_beside_it(path: Path) -> None:
    convert: Callable[[Any], list[Any]] = load_harness(path.parent.name).convert
    twin = path.with_name(path.name.replace(".raw.json", ".mention.json"))
    raw = json.loads(path.read_text(encoding="utf-8"))
    assert twin.exists(), f"{twin.name} is missing; what the listener makes of it is:\n" + json.dumps(convert(raw))
    assert convert(raw) == json.loads(twin.read_text(encoding="utf-8"))


def test_every_expected_mention_has_its_payload() -> None:
    assert recorded(), "no recorded payloads were found"
    for twin in DATA.glob("*/*.mention.json"):
        assert twin.with_name(twin.name.replace(".mention.json", ".raw.json")).exists(), twin
