"""What a person who listens to X is promised, over real HTTP against the contract server."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from clock import NOW
from hypothesis import given, settings
from hypothesis import strategies as st
from servers import loopback
from servers.x_server import TOKEN, XServer, post, timeline

from listeners.clients.http import TimedAdapter
from listeners.clients.x import XClient
from listeners.errors import AuthFailed, RateLimited, SourceError, Transient
from listeners.ports import Gap, ListenerContext, Page, TopicQuery
from listeners.x import XListener, XSettings
from listeners.x_posts import id_at, id_time
from listeners.x_stretch import begin, fresh, request, step
from storage.errors import ConfigError

DATA = Path(__file__).parent.parent / "data" / "x"
DAY = timedelta(days=1)


@pytest.fixture
def server() -> Iterator[XServer]:
    with XServer(NOW) as running:
        yield running


def listener(
    server: XServer,
    query: str | None = "acme AND parcel",
    ours: frozenset[str] = frozenset(),
    reads_left: int | None = None,
    **more: Any,
) -> XListener:
    topics = [TopicQuery("parcels", query)] if query else []
    context = ListenerContext("x-care", "Acme", ours, topics, {"x-bearer-token": TOKEN}.__getitem__, reads_left)
    return XListener.build(XSettings(api_url=server.url, timeout=10, **more), context)


def poll(heard: XListener, cursor: Any = None, now: datetime = NOW) -> list[Page]:
    return list(heard.poll(cursor, now))


def ids(pages: list[Page]) -> list[str]:
    return [mention.native_id for page in pages for mention in page.mentions]


def one(server: XServer, **more: Any) -> Any:
    return next(mention for page in poll(listener(server, **more)) for mention in page.mentions)


# --- nothing is lost ---


def test_a_burst_of_1200_posts_larger_than_the_page_cap_is_heard_whole(server: XServer) -> None:
    server.posts = timeline(NOW, 1200)
    heard: list[str] = []
    cursor = None
    for number in range(4):
        pages = poll(listener(server, max_pages=5), cursor, NOW + timedelta(seconds=number))
        heard += ids(pages)
        cursor = pages[-1].cursor
    assert set(heard) == {item["id"] for item in server.posts}


def test_since_id_stays_where_it_was_until_the_last_page_is_read(server: XServer) -> None:
    server.posts = timeline(NOW - timedelta(hours=1), 30)
    first = poll(listener(server))[-1].cursor
    assert first is not None
    reached = first["streams"]["search:parcels"]["since_id"]
    server.posts += timeline(NOW, 450, timedelta(seconds=1))
    pages = poll(listener(server, max_pages=10), first, NOW)
    middle = [page.cursor["streams"]["search:parcels"]["since_id"] for page in pages[:-1] if page.cursor]
    assert set(middle) == {reached}
    last = pages[-1].cursor
    assert last is not None
    assert int(last["streams"]["search:parcels"]["since_id"]) > int(reached)


def test_the_next_poll_goes_on_below_the_oldest_post_even_when_tokens_have_expired(server: XServer) -> None:
    server.posts = timeline(NOW, 300)
    pages = poll(listener(server, max_pages=1))
    poll(listener(server, max_pages=1), pages[-1].cursor)
    resumed = server.requests[-1].query
    assert "next_token" not in resumed
    assert resumed["until_id"] == pages[0].mentions[-1].native_id


def test_empty_pages_in_the_middle_are_passed_through(server: XServer) -> None:
    posts = timeline(NOW, 4)
    answers = iter([
        {"meta": {"result_count": 0, "next_token": "a"}},
        {"data": [posts[3], posts[2]], "meta": {"next_token": "b"}},
        {"meta": {"result_count": 0, "next_token": "c"}},
        {"data": [posts[2], posts[1], posts[0]], "meta": {}},
    ])  # fmt: skip
    server.answer = lambda request: loopback.Reply(200, next(answers))  # type: ignore[method-assign]
    pages = poll(listener(server))
    assert set(ids(pages)) == {item["id"] for item in posts}
    assert [request.query.get("next_token") for request in server.requests] == [None, "a", "b", "c"]


def test_a_cap_asks_for_the_next_poll_soon(server: XServer) -> None:
    server.posts = timeline(NOW, 300)
    assert poll(listener(server, max_pages=1))[-1].retry_after == NOW + timedelta(minutes=1)


def test_posts_that_appear_late_in_the_index_are_still_heard(server: XServer) -> None:
    server.posts = [post(NOW - timedelta(seconds=5), "acme parcel early")]
    cursor = poll(listener(server))[-1].cursor
    late = post(NOW - timedelta(seconds=20), "acme parcel indexed late")
    server.posts.append(late)
    assert late["id"] in ids(poll(listener(server), cursor, NOW + timedelta(minutes=1)))


def test_a_stretch_that_left_the_seven_days_is_told_as_a_gap(server: XServer) -> None:
    server.posts = [post(NOW - DAY, "acme parcel old")]
    cursor = poll(listener(server))[-1].cursor
    server.now = later = NOW + 9 * DAY
    server.posts.append(post(later - timedelta(hours=1), "acme parcel new"))
    pages = poll(listener(server), cursor, later)
    assert ids(pages) == [server.posts[-1]["id"]]
    gaps = [gap for page in pages for gap in page.gaps]
    assert [gap.interval.started_at for gap in gaps] == [NOW]
    assert later - 7 * DAY <= gaps[0].interval.ended_at <= later - 7 * DAY + timedelta(minutes=5)


def test_a_quiet_week_is_no_gap_and_no_refused_request(server: XServer) -> None:
    server.posts = [post(NOW - timedelta(hours=1), "acme parcel")]
    cursor = poll(listener(server))[-1].cursor
    for day in range(1, 12):
        server.now = NOW + day * DAY
        pages = poll(listener(server), cursor, server.now)
        assert [gap for page in pages for gap in page.gaps] == []
        cursor = pages[-1].cursor


def test_an_interrupted_stretch_that_left_the_window_is_closed_with_a_gap(server: XServer) -> None:
    server.posts = timeline(NOW, 300)
    cursor = poll(listener(server, max_pages=1))[-1].cursor
    server.now = later = NOW + 8 * DAY
    server.posts.append(post(later - timedelta(hours=1), "acme parcel new"))
    pages = poll(listener(server), cursor, later)
    assert server.posts[-1]["id"] in ids(pages)
    assert any(gap for page in pages for gap in page.gaps)
    assert pages[-1].cursor is not None
    assert pages[-1].cursor["streams"]["search:parcels"]["pending"] is None


def test_the_end_of_the_mentions_x_shows_is_told_as_a_gap() -> None:
    state = fresh()
    begin(state, NOW, DAY, None)
    complete, gaps = step(state, [{"id": str(id_at(NOW - timedelta(seconds=n)))} for n in range(800)], {}, 800)
    assert complete
    assert [type(gap) for gap in gaps] == [Gap]


def test_coverage_is_one_interval_after_another_and_only_once_every_stream_is_complete(server: XServer) -> None:
    server.posts = [post(NOW - timedelta(minutes=5), "@acme parcel")]
    first = poll(listener(server, ours=frozenset({"acme"})))
    second = poll(listener(server, ours=frozenset({"acme"})), first[-1].cursor, NOW + timedelta(minutes=5))
    spans = [page.heard for page in [*first, *second] if page.heard is not None]
    assert [(span.started_at, span.ended_at) for span in spans] == [
        (NOW - DAY, NOW),
        (NOW, NOW + timedelta(minutes=5)),
    ]
    assert first[0].heard is None


posts_in_steps = st.lists(st.integers(0, 130), min_size=1, max_size=5)


@settings(max_examples=40, deadline=None)
@given(posts_in_steps, st.integers(1, 4), st.integers(5, 40))
def test_whatever_arrives_between_polls_nothing_is_jumped_over(counts: list[int], cap: int, size: int) -> None:
    """The arithmetic alone, against a list of ids: every poll stops after `cap` pages."""
    published: list[int] = []
    heard: set[int] = set()
    state = fresh()
    now = NOW
    for count in [*counts, *[0] * 150]:
        published += [id_at(now - timedelta(seconds=40)) + len(published) + number for number in range(count)]
        now += timedelta(minutes=1)
        for _ in range(cap):
            begin(state, now, DAY, None)
            asked = request(state, now, None)
            below = int(asked.get("until_id", 10**19))
            since = int(asked.get("since_id", 0))
            found = sorted((each for each in published if since < each < below), reverse=True)
            page = found[:size]
            heard |= set(page)
            step(state, [{"id": str(each)} for each in page], {"next_token": "t"} if found[size:] else {}, None)
    assert heard == set(published)


# --- money and pace ---


def test_a_read_budget_stops_cleanly_and_nothing_is_lost(server: XServer) -> None:
    server.posts = timeline(NOW, 250)
    pages = poll(listener(server, reads_left=130))
    assert sum(page.reads for page in pages) == 130
    assert pages[-1].retry_after == datetime(2026, 3, 3, tzinfo=UTC)
    more = poll(listener(server), pages[-1].cursor, NOW)
    assert set(ids(pages)) | set(ids(more)) == {item["id"] for item in server.posts}


def test_a_budget_too_small_for_a_page_asks_for_nothing(server: XServer) -> None:
    server.posts = timeline(NOW, 50)
    pages = poll(listener(server, reads_left=9))
    assert server.requests == []
    assert ids(pages) == []


def test_posts_x_adds_to_an_answer_count_as_read(server: XServer) -> None:
    parent = post(NOW - timedelta(hours=2), "not ours")
    reply = post(
        NOW - timedelta(hours=1), "acme parcel", referenced_tweets=[{"type": "quoted", "id": parent["id"]}]
    )
    server.replay = {"data": [reply], "includes": {"tweets": [parent]}, "meta": {"result_count": 1}}
    assert poll(listener(server))[-1].reads == 2


def test_the_last_request_of_a_window_ends_the_poll_until_its_reset(server: XServer) -> None:
    server.posts = timeline(NOW, 250)
    server.remaining = [1, 0]
    pages = poll(listener(server))
    assert len(pages) == 2
    assert pages[-1].retry_after == NOW + timedelta(seconds=601)


def test_mentions_are_read_before_searches(server: XServer) -> None:
    poll(listener(server, ours=frozenset({"acme"})))
    assert [request.path for request in server.requests] == [
        "/2/users/by", "/2/users/42/mentions", "/2/tweets/search/recent",
    ]  # fmt: skip


def test_account_ids_are_looked_up_once(server: XServer) -> None:
    cursor = poll(listener(server, query=None, ours=frozenset({"acme"})))[-1].cursor
    poll(listener(server, query=None, ours=frozenset({"acme"})), cursor)
    assert [request.path for request in server.requests].count("/2/users/by") == 1


def test_reposts_are_not_paid_for_unless_asked_for(server: XServer) -> None:
    poll(listener(server))
    assert server.requests[-1].query["query"] == "acme parcel -is:retweet"
    poll(listener(server, reposts=True))
    assert server.requests[-1].query["query"] == "acme parcel"


# --- what a post becomes ---


def test_an_edited_post_keeps_its_first_id_and_tells_when_it_was_edited(server: XServer) -> None:
    first = post(NOW - timedelta(minutes=20), "acme parcel lost")
    edited = post(NOW - timedelta(minutes=10), "acme parcel found")
    edited["edit_history_tweet_ids"] = [first["id"], edited["id"]]
    server.posts = [edited]
    mention = one(server)
    assert mention.native_id == first["id"]
    assert mention.thread_native_id == first["id"]
    assert mention.posted_at == NOW - timedelta(minutes=20)
    assert mention.edited_at == NOW - timedelta(minutes=10)
    assert mention.url.endswith(edited["id"])


def test_a_long_post_has_its_whole_text(server: XServer) -> None:
    long = "acme parcel " + "x" * 900
    server.posts = [post(NOW - timedelta(minutes=1), long[:270] + "…", note_tweet={"text": long})]
    assert one(server).text == long


def test_entities_that_x_writes_are_read_as_letters(server: XServer) -> None:
    server.posts = [post(NOW - timedelta(minutes=1), "acme parcel &lt;3 &amp;amp;")]
    assert one(server).text == "acme parcel <3 &amp;"


@pytest.mark.parametrize(
    ("types", "kind"),
    [([], "post"), (["replied_to"], "comment"), (["quoted"], "quote"), (["retweeted"], "repost"),
     (["replied_to", "quoted"], "comment")],
)  # fmt: skip
def test_the_kind_follows_what_the_post_refers_to(server: XServer, types: list[str], kind: str) -> None:
    references = [{"type": each, "id": str(100 + number)} for number, each in enumerate(types)]
    server.posts = [post(NOW - timedelta(minutes=1), referenced_tweets=references, conversation_id="99")]
    mention = one(server)
    assert mention.kind == kind
    assert mention.thread_native_id == "99"
    assert mention.parent_native_id == ("100" if "replied_to" in types else None)


def test_who_may_be_answered_is_known_before_anyone_drafts(server: XServer) -> None:
    entities = {"mentions": [{"username": "Acme", "id": "42"}]}
    server.posts = [
        post(NOW - timedelta(minutes=1), "@Acme parcel", entities=entities, reply_settings="following")
    ]
    mention = one(server, ours=frozenset({"acme"}))
    assert mention.addressed
    assert mention.permissions["author_mentioned_us"] is True
    assert mention.permissions["reply_settings"] == "following"
    server.posts = [post(NOW - timedelta(minutes=1), "acme parcel, not addressed to anyone")]
    mention = one(server, ours=frozenset({"acme"}))
    assert not mention.addressed
    assert mention.permissions["author_mentioned_us"] is False


def test_our_own_answers_are_ours_and_not_addressed_to_us(server: XServer) -> None:
    server.posts = [post(NOW - timedelta(minutes=1), "sorry, @jane! acme parcel", author_id="42")]
    mention = one(server, ours=frozenset({"acme"}))
    assert mention.is_ours
    assert not mention.addressed


def test_a_language_x_could_not_tell_is_left_open(server: XServer) -> None:
    for code, lang in (("qme", None), ("und", None), ("in", "id"), ("zh", "zh")):
        server.posts = [post(NOW - timedelta(minutes=1), lang=code)]
        assert one(server).lang == lang


def test_a_post_withheld_in_one_country_is_kept_and_everywhere_is_a_deletion(server: XServer) -> None:
    some = post(NOW - timedelta(minutes=2), withheld={"country_codes": ["de"], "copyright": False})
    gone = post(NOW - timedelta(minutes=1), withheld={"country_codes": ["XY"], "copyright": True})
    server.posts = [some, gone]
    pages = poll(listener(server))
    assert ids(pages) == [some["id"]]
    assert pages[0].mentions[0].permissions["withheld_in"] == ["DE"]
    assert [item.native_id for page in pages for item in page.deletions] == [gone["id"]]


def test_recorded_errors_delete_posts_that_are_gone_and_nothing_else(server: XServer) -> None:
    server.replay = json.loads((DATA / "recorded-errors.json").read_text(encoding="utf-8"))
    pages = poll(listener(server))
    assert [item.native_id for page in pages for item in page.deletions] == ["1574182774923296771"]


def test_what_x_could_not_search_for_is_checked_here(server: XServer) -> None:
    server.posts = [
        post(NOW - timedelta(minutes=1), "acme parcel refunded", salt=1),
        post(NOW - timedelta(minutes=1), "acme parcel", salt=2),
    ]
    pages = poll(listener(server, query="acme refund*"))
    assert len(ids(pages)) == 1
    assert pages[0].skipped == {"does not fit the topic": 1}


def test_bad_posts_are_kept_aside_with_their_reason(server: XServer) -> None:
    good = post(NOW - timedelta(minutes=1), "acme parcel")
    bad: list[Any] = [
        None, "text", {}, {"id": "x"}, {**good, "id": "12", "created_at": "2026-03-01T00:00:00"},
        {**good, "id": "13", "created_at": None}, {**good, "id": "15", "author_id": None},
        {**good, "id": "14", "referenced_tweets": [1]},
    ]  # fmt: skip
    server.replay = {"data": [*bad, good], "meta": {"result_count": 8}}
    page = poll(listener(server))[0]
    assert [mention.native_id for mention in page.mentions] == [good["id"]]
    assert len(page.rejections) == len(bad)


def test_duplicates_and_disorder_within_a_page_do_no_harm(server: XServer) -> None:
    posts = timeline(NOW, 5)
    server.replay = {"data": [posts[3], posts[0], posts[3], posts[4], posts[1]], "meta": {"result_count": 5}}
    pages = poll(listener(server))
    assert sorted(ids(pages)) == sorted(posts[number]["id"] for number in (0, 1, 3, 4))
    cursor = pages[-1].cursor
    assert cursor is not None
    assert int(cursor["streams"]["search:parcels"]["since_id"]) <= int(posts[4]["id"])


def test_hostile_text_passes_as_it_is(server: XServer) -> None:
    text = "acme parcel \x1b[31m =cmd|' /C calc'!A0 <script> \u202e\x00" + "🔥" * 20_000
    server.posts = [post(NOW - timedelta(minutes=1), text)]
    assert one(server).text == text.replace("\x00", "\ufffd")


# --- looking up again ---


def test_known_posts_that_are_gone_are_deletions_when_looked_up_again(server: XServer) -> None:
    server.posts = timeline(NOW, 3)
    kept, gone, hidden = (item["id"] for item in server.posts)
    server.gone = {gone: "resource-not-found", hidden: "not-authorized-for-resource"}
    page = listener(server).recheck([kept, gone, hidden], NOW)
    assert [mention.native_id for mention in page.mentions] == [kept]
    assert {item.native_id for item in page.deletions} == {gone, hidden}


def test_looking_up_an_edited_post_by_its_first_id_brings_the_newest_text(server: XServer) -> None:
    old = post(NOW - timedelta(minutes=20), "acme parcel lost")
    new = post(NOW - timedelta(minutes=10), "acme parcel found")
    old["edit_history_tweet_ids"] = [old["id"], new["id"]]
    new["edit_history_tweet_ids"] = [old["id"], new["id"]]
    server.replay = None
    server.posts = [old]
    answers = iter([{"data": [old]}, {"data": [new]}])
    server.answer = lambda request: loopback.Reply(200, next(answers))  # type: ignore[method-assign]
    page = listener(server).recheck([old["id"]], NOW)
    assert [(mention.native_id, mention.text) for mention in page.mentions] == [(old["id"], "acme parcel found")]


def test_more_than_a_hundred_at_once_are_refused(server: XServer) -> None:
    with pytest.raises(ValueError, match="100"):
        listener(server).recheck([str(number) for number in range(101)], NOW)


# --- what goes wrong ---


@pytest.mark.parametrize(
    ("status", "error"),
    [(400, AuthFailed), (401, AuthFailed), (402, AuthFailed), (403, AuthFailed), (404, AuthFailed),
     (408, Transient), (429, RateLimited), (500, Transient), (502, Transient), (503, Transient), (302, Transient)],
)  # fmt: skip
def test_every_status_says_what_happens_next(server: XServer, status: int, error: type[SourceError]) -> None:
    for body in ({"title": "Some Problem", "detail": TOKEN}, b"<html>", [1], {"errors": "?"}, b""):
        server.fail_next(loopback.status(status, body, location="http://127.0.0.1:9/"))
        with pytest.raises(error) as raised:
            poll(listener(server))
        assert TOKEN not in str(raised.value)
        assert str(status) in str(raised.value) or error is Transient


@pytest.mark.parametrize(
    ("header", "wait"),
    [(str(int(NOW.timestamp()) + 300), 301), ("soon", 900), ("-5", 1), ("9" * 30, 900), ("nan", 900),
     (str(int(NOW.timestamp()) + 10**9), 86_400), (str(int(NOW.timestamp()) - 500), 1)],
)  # fmt: skip
def test_the_wait_after_429_is_believed_within_reason(server: XServer, header: str, wait: int) -> None:
    server.fail_next(loopback.status(429, x_rate_limit_reset=header))
    with pytest.raises(RateLimited) as raised:
        poll(listener(server))
    assert raised.value.until == NOW + timedelta(seconds=wait)


def test_a_used_up_month_waits_hours(server: XServer) -> None:
    server.fail_next(loopback.status(429, {"title": "UsageCapExceeded", "period": "Monthly"}))
    with pytest.raises(RateLimited) as raised:
        poll(listener(server))
    assert raised.value.until == NOW + timedelta(hours=6)


def test_a_handle_x_does_not_know_parks_the_listener_and_is_named(server: XServer) -> None:
    with pytest.raises(AuthFailed, match="@nobody"):
        poll(listener(server, ours=frozenset({"nobody", "acme"})))


def test_the_error_leaves_no_trace_of_the_request(server: XServer) -> None:
    server.fail_next(loopback.status(401))
    with pytest.raises(AuthFailed) as raised:
        poll(listener(server))
    assert raised.value.__cause__ is None
    assert raised.value.__context__ is None


@pytest.mark.parametrize(
    "cursor", [{"streams": 3}, {"streams": {"search:parcels": {"since_id": 1}}}, {"x": [1]}, {}]
)
def test_a_cursor_that_is_none_of_ours_begins_anew(server: XServer, cursor: Any) -> None:
    server.posts = timeline(NOW, 3)
    assert len(ids(poll(listener(server), cursor))) == 3


# --- settings ---


@pytest.mark.parametrize("url", ["http://api.x.com", "ftp://x", "https://me:pw@api.x.com", "api.x.com", ""])
def test_an_address_that_would_show_the_token_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="api_url"):
        XSettings(api_url=url)


def test_a_listener_without_token_or_task_is_refused() -> None:
    context = ListenerContext("x", "Acme", frozenset({"acme"}), (), lambda name: "")
    with pytest.raises(ConfigError, match="x-bearer-token"):
        XListener.build(XSettings(), context)
    context = ListenerContext("x", "Acme", frozenset(), (), lambda name: TOKEN)
    with pytest.raises(ConfigError, match="nothing to listen for"):
        XListener.build(XSettings(), context)


def test_a_topic_x_cannot_search_is_refused_before_anything_runs() -> None:
    topics = [TopicQuery("words", " OR ".join(f"word{number}" for number in range(99)))]
    context = ListenerContext("x", "Acme", frozenset(), topics, lambda name: TOKEN)
    with pytest.raises(ConfigError, match="512"):
        XListener.build(XSettings(), context)


def test_the_client_asks_x_itself_by_default_with_a_time_limit_and_no_password_file() -> None:
    session = XClient(TOKEN)._client.session
    adapter = session.get_adapter("https://api.twitter.com/2/tweets")
    assert isinstance(adapter, TimedAdapter)
    assert adapter._base is not None
    assert adapter._base.netloc == "api.x.com"
    assert not session.trust_env


def test_ids_carry_their_time() -> None:
    assert id_time(str(id_at(NOW))) == NOW
    assert id_time("20") is None
    assert id_time("not an id") is None
