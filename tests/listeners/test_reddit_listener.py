"""What a person who listens to Reddit is promised, over real HTTP against the contract server."""

import json
import logging
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from clock import NOW
from prawcore import PrawcoreException
from servers import loopback
from servers.reddit_server import ACCESS, SECRETS, RedditServer, Thing, comment, deleted, submission

from listeners.clients.reddit import RedditAccess, RedditClient
from listeners.errors import AuthFailed, RateLimited, SourceError, Transient
from listeners.ports import ListenerContext, Page, TopicQuery
from listeners.reddit import RedditListener, RedditSettings
from listeners.reddit_listing import begin, fresh, step
from listeners.reddit_things import Surroundings, data_of, to_deletion, to_mention, walk
from storage.errors import ConfigError

DATA = Path(__file__).parent.parent / "data" / "reddit"
MINUTE = timedelta(minutes=1)


@pytest.fixture
def server() -> Iterator[RedditServer]:
    with RedditServer(NOW) as running:
        yield running


def listener(server: RedditServer, query: str | None = "acme AND parcel", **more: Any) -> RedditListener:
    topics = [TopicQuery("parcels", query)] if query else []
    context = ListenerContext("r", "Acme", frozenset({"acme_care"}), topics, SECRETS.__getitem__)
    addresses = {"reddit_url": server.url, "oauth_url": server.url, "timeout": 10}
    return RedditListener.build(RedditSettings(**{**addresses, **more}), context)


def poll(heard: RedditListener, cursor: Any = None, now: datetime = NOW) -> list[Page]:
    return list(heard.poll(cursor, now))


def ids(pages: list[Page]) -> list[str]:
    return [mention.native_id for page in pages for mention in page.mentions]


def name(thing: Thing) -> str:
    return str(thing["data"]["name"])


def paths(server: RedditServer) -> list[str]:
    return [request.path for request in server.requests if request.path != "/api/v1/access_token"]


def thread(server: RedditServer, count: int, **more: Any) -> Thing:
    """One post with `count` comments below it."""
    top = submission(1, NOW - timedelta(minutes=30), num_comments=count, **more)
    server.posts = [top]
    server.comments = [comment(n, NOW - timedelta(minutes=20), name(top), name(top)) for n in range(count)]
    return top


# --- listings ---


def test_a_burst_larger_than_a_poll_is_heard_whole(server: RedditServer) -> None:
    server.posts = [submission(n, NOW - timedelta(seconds=20 * (n + 1))) for n in range(500)]
    cursor, heard = None, set()
    for number in range(5):
        pages = poll(listener(server, max_requests=4), cursor, NOW + number * MINUTE)
        heard |= set(ids(pages))
        cursor = pages[-1].cursor
    assert heard == {name(thing) for thing in server.posts}


def test_a_stretch_goes_on_from_the_top_when_its_place_was_deleted_meanwhile(server: RedditServer) -> None:
    server.posts = [submission(n, NOW - timedelta(seconds=20 * (n + 1))) for n in range(300)]
    pages = poll(listener(server, max_requests=2))
    cursor = pages[-1].cursor
    assert cursor is not None
    place = cursor["streams"]["search:parcels"]["pending"]["after"]
    server.posts = [thing for thing in server.posts if name(thing) != place]
    heard = set(ids(pages))
    for number in range(1, 6):
        pages = poll(listener(server, max_requests=6), cursor, NOW + number * MINUTE)
        heard |= set(ids(pages))
        cursor = pages[-1].cursor
    assert heard >= {name(thing) for thing in server.posts}


def test_the_end_of_what_reddit_lists_is_told_as_a_gap(server: RedditServer) -> None:
    server.posts = [submission(n, NOW - timedelta(seconds=20 * (n + 1))) for n in range(1200)]
    pages = poll(listener(server))
    gaps = [gap for page in pages for gap in page.gaps]
    assert len(gaps) == 1
    assert gaps[0].interval.started_at == NOW - timedelta(hours=24)
    assert gaps[0].interval.ended_at == NOW - timedelta(seconds=20 * 1000)


def test_one_old_post_among_new_ones_does_not_end_the_reading() -> None:
    state = fresh()
    begin(state, NOW, timedelta(hours=1), timedelta(0))
    page = [submission(n, NOW - MINUTE * (n + 1)) for n in range(10)]
    page.append(submission(99, NOW - timedelta(days=400)))
    assert step(state, page, "t3_next")[0] is False
    old = [submission(n, NOW - timedelta(days=2)) for n in range(5)]
    assert step(state, old, "t3_more")[0] is True


def test_posts_that_reddits_search_shows_late_are_still_heard(server: RedditServer) -> None:
    server.posts = [submission(1, NOW - MINUTE)]
    cursor = poll(listener(server))[-1].cursor
    late = submission(2, NOW - timedelta(minutes=40))
    server.posts.append(late)
    assert name(late) in ids(poll(listener(server), cursor, NOW + 5 * MINUTE))


def test_years_old_posts_are_not_news(server: RedditServer) -> None:
    server.posts = [submission(1, NOW - timedelta(days=900)), submission(2, NOW - MINUTE)]
    assert set(ids(poll(listener(server)))) == {name(server.posts[1])}


def test_a_chosen_subreddit_is_searched_and_its_new_comments_are_read(server: RedditServer) -> None:
    server.comments = [
        comment(1, NOW - MINUTE, "t3_other", "t3_other", "my acme parcel"),
        comment(2, NOW - MINUTE, "t3_other", "t3_other", "about the weather"),
    ]
    pages = poll(listener(server, subreddits=["r/parcels", "delivery"]))
    assert ids(pages) == [name(server.comments[0])]
    assert {"/r/parcels+delivery/search", "/r/parcels+delivery/comments"} <= set(paths(server))
    search = next(request for request in server.requests if request.path.endswith("/search"))
    assert search.query["restrict_sr"] == "1"
    assert {"does not fit the topic": 1} in [dict(page.skipped) for page in pages]


def test_the_inbox_is_read_first_and_is_addressed_to_us(server: RedditServer) -> None:
    server.inbox["comments"] = [comment(5, NOW - MINUTE, "t3_q", "t1_ours", "no, it is not")]
    pages = poll(listener(server, username="acme_care"))
    assert paths(server)[:3] == ["/message/mentions", "/message/comments", "/message/selfreply"]
    assert [mention.addressed for page in pages for mention in page.mentions] == [True]


def test_without_an_account_no_inbox_is_asked_for(server: RedditServer) -> None:
    poll(listener(server))
    assert paths(server) == ["/r/all/search"]


# --- threads ---


def test_a_whole_thread_is_heard_however_deep_and_however_long(server: RedditServer) -> None:
    top = thread(server, 250)
    parent = name(server.comments[0])
    for number in range(300, 312):
        server.comments.append(comment(number, NOW - MINUTE, name(top), parent))
        parent = name(server.comments[-1])
    assert set(ids(poll(listener(server)))) == {name(thing) for thing in [*server.posts, *server.comments]}
    assert {mention.topic for page in poll(listener(server)) for mention in page.mentions} == {"parcels"}


def test_a_thread_larger_than_a_poll_goes_on_where_it_stopped(server: RedditServer) -> None:
    thread(server, 500)
    cursor, heard = None, set()
    for number in range(5):
        pages = poll(listener(server, max_requests=4), cursor, NOW + number * MINUTE)
        heard |= set(ids(pages))
        cursor = pages[-1].cursor
    assert len(heard) == 501


def test_a_thread_is_read_again_when_its_number_of_comments_changes(server: RedditServer) -> None:
    top = thread(server, 3)
    cursor = poll(listener(server))[-1].cursor
    server.requests.clear()
    poll(listener(server), cursor, NOW + MINUTE)
    assert not any(path.startswith("/comments/") for path in paths(server))
    news = comment(50, NOW + MINUTE, name(top), name(top), "and another thing")
    server.comments.append(news)
    top["data"]["num_comments"] = 4
    assert name(news) in ids(poll(listener(server), cursor, NOW + 2 * MINUTE))


def test_edits_and_deletions_are_heard_for_as_long_as_a_post_is_watched(server: RedditServer) -> None:
    top = thread(server, 3)
    cursor = poll(listener(server))[-1].cursor
    server.comments[0]["data"].update(body="edited text", edited=(NOW + MINUTE).timestamp())
    deleted(server.comments[1])
    deleted(server.comments[2], "[removed]")
    deleted(top)
    pages = poll(listener(server), cursor, NOW + timedelta(hours=2))
    edited = {mention.native_id: mention for page in pages for mention in page.mentions}
    assert edited[name(server.comments[0])].text == "edited text"
    assert edited[name(server.comments[0])].edited_at == NOW + MINUTE
    gone = {item.native_id: item.reason for page in pages for item in page.deletions}
    assert set(gone) == {name(server.comments[1]), name(server.comments[2]), name(top)}
    assert "moderators" in gone[name(server.comments[2])]
    late = poll(listener(server), pages[-1].cursor, NOW + timedelta(hours=60))[-1].cursor
    assert late is not None
    assert late["watch"] == {}


def test_a_closed_thread_is_told_and_costs_nothing_else(server: RedditServer) -> None:
    top = thread(server, 3)
    server.closed.add(name(top))
    other = submission(2, NOW - MINUTE, num_comments=1)
    server.posts.append(other)
    server.comments.append(comment(77, NOW - MINUTE, name(other), name(other)))
    pages = poll(listener(server))
    assert name(server.comments[-1]) in ids(pages)
    assert [rejection.place for page in pages for rejection in page.rejections] == [f"thread {name(top)}"]


def test_an_answer_to_one_of_our_comments_is_addressed_to_us(server: RedditServer) -> None:
    top = thread(server, 0)
    ours = comment(1, NOW - 3 * MINUTE, name(top), name(top), "We are sorry", author="Acme_Care")
    answer = comment(2, NOW - 2 * MINUTE, name(top), name(ours), "not good enough")
    server.comments = [ours, answer]
    top["data"]["num_comments"] = 2
    heard = {mention.native_id: mention for page in poll(listener(server)) for mention in page.mentions}
    assert heard[name(ours)].is_ours
    assert not heard[name(ours)].addressed
    assert heard[name(answer)].addressed
    assert heard[name(answer)].parent_native_id == name(ours)
    assert heard[name(answer)].thread_native_id == name(top)


def test_a_recorded_thread_is_walked_to_its_last_comment() -> None:
    answer = json.loads((DATA / "recorded-thread.json").read_text(encoding="utf-8"))
    found = walk(answer[1]["data"]["children"])
    names = [thing["data"]["name"] for thing in found.comments]
    assert names == ["t1_e4j4830", "t1_e7q58bn", "t1_e4uaa59", "t1_e4uhrr8"]
    assert len(found.more) == 6
    assert found.broken == []
    mentions = [to_mention(data_of(thing), Surroundings("Acme")) for thing in found.comments]
    assert {mention.thread_native_id for mention in mentions} == {"t3_98vj9e"}


def test_a_thread_nested_a_thousand_deep_is_walked() -> None:
    below: Any = ""
    for number in range(1000):
        thing = comment(number, NOW, "t3_a", "t3_a")
        thing["data"]["replies"] = below
        below = {"data": {"children": [thing]}}
    assert len(walk(below["data"]["children"]).comments) == 1000


# --- what a thing becomes ---


def test_somebody_who_writes_the_word_deleted_has_not_deleted_anything() -> None:
    assert to_deletion(comment(1, NOW, "t3_a", "t3_a", "[deleted]")["data"]) is None
    assert to_deletion(comment(1, NOW, "t3_a", "t3_a", "[removed]")["data"]) is None


def test_a_comment_of_a_deleted_account_keeps_its_text() -> None:
    data = comment(1, NOW, "t3_a", "t3_a", "still here", author="[deleted]")["data"]
    assert to_deletion(data) is None
    assert to_mention(data, Surroundings("Acme")).author is None


def test_a_post_that_waits_for_its_moderators_is_neither_heard_nor_gone(server: RedditServer) -> None:
    waiting = submission(1, NOW - MINUTE, "[removed]", removed_by_category="automod_filtered")
    server.posts = [waiting]
    pages = poll(listener(server))
    assert ids(pages) == []
    assert [item for page in pages for item in page.deletions] == []
    assert pages[0].skipped == {"held back by moderators": 1}
    waiting["data"].update(selftext="acme parcel", removed_by_category=None)
    assert ids(poll(listener(server), pages[-1].cursor, NOW + MINUTE))[:1] == [name(waiting)]


def test_a_locked_thread_says_so_before_anyone_drafts() -> None:
    data = submission(1, NOW, locked=True)["data"]
    assert to_mention(data, Surroundings("Acme")).permissions == {"locked": True}


def test_bad_things_are_kept_aside_with_their_reason(server: RedditServer) -> None:
    good = submission(1, NOW - MINUTE)
    bad: list[Any] = [
        {"kind": "t3", "data": {}}, {"kind": "t5", "data": {"name": "t5_x"}}, {"kind": "t3"},
        submission(2, NOW, created_utc=None), submission(3, NOW, created_utc="now"),
        submission(4, NOW, created_utc=1e30), submission(5, NOW, name="<script>"),
    ]  # fmt: skip
    page = listener(server)._convert([*bad, None, 7, good], "search", Surroundings("Acme"))
    assert [mention.native_id for mention in page.mentions] == [name(good)]
    assert len(page.rejections) == len(bad) + 2


def test_hostile_text_passes_as_it_is(server: RedditServer) -> None:
    text = "acme parcel \x1b]0;x\x07 =1+1 <img onerror=x> \u202e" + "🔥" * 10_000
    server.posts = [submission(1, NOW - MINUTE, text)]
    assert poll(listener(server))[0].mentions[0].text == text


def test_known_things_that_are_gone_are_deletions_when_looked_up_again(server: RedditServer) -> None:
    thread(server, 2)
    deleted(server.comments[0])
    page = listener(server).recheck([name(thing) for thing in server.comments], NOW)
    assert [mention.native_id for mention in page.mentions] == [name(server.comments[1])]
    assert [item.native_id for item in page.deletions] == [name(server.comments[0])]
    with pytest.raises(ValueError, match="100"):
        listener(server).recheck(["t1_a"] * 101, NOW)


# --- pace and trouble ---


def test_the_last_requests_of_a_window_are_left_to_people(server: RedditServer) -> None:
    server.posts = [submission(n, NOW - timedelta(seconds=20 * (n + 1))) for n in range(300)]
    server.remaining = [50, 2]
    pages = poll(listener(server))
    assert len(paths(server)) == 2
    assert pages[-1].retry_after == NOW + timedelta(seconds=300)
    rest = poll(listener(server), pages[-1].cursor, NOW + 6 * MINUTE)
    assert set(ids(pages)) | set(ids(rest)) >= {name(thing) for thing in server.posts}


def test_nothing_is_asked_while_the_window_is_used_up(server: RedditServer) -> None:
    client = RedditClient(access(server))
    server.remaining = [0]
    client.get("r/all/search", NOW, q="acme")
    with pytest.raises(RateLimited) as raised:
        client.get("r/all/search", NOW, q="acme")
    assert raised.value.until == NOW + timedelta(seconds=300)
    assert len(paths(server)) == 1


def access(server: RedditServer, **more: Any) -> RedditAccess:
    return RedditAccess(
        **{
            "client_id": SECRETS["reddit-client-id"],
            "client_secret": SECRETS["reddit-client-secret"],
            "user_agent": "linux:social-care:test",
            "reddit_url": server.url,
            "oauth_url": server.url,
            "timeout": 10,
            **more,
        }
    )


RECORDED = json.loads((DATA / "recorded-faults.json").read_text(encoding="utf-8"))
CONSEQUENCE = {429: RateLimited, 400: AuthFailed, 401: AuthFailed, 403: AuthFailed, 404: AuthFailed,
               302: AuthFailed, 451: AuthFailed}  # fmt: skip


@pytest.mark.parametrize("fault", RECORDED, ids=[fault["name"] for fault in RECORDED])
def test_every_recorded_failure_says_what_happens_next(server: RedditServer, fault: dict[str, Any]) -> None:
    for after in range(2):  # twice: one 401 is answered with a new token
        server.fail_next(
            lambda reply: loopback.Reply(fault["status"], fault["body"].encode(), fault["headers"]), after
        )
    with pytest.raises(CONSEQUENCE.get(fault["status"], Transient)) as raised:
        RedditClient(access(server)).get("r/all/search", NOW, q="acme")
    if isinstance(raised.value, RateLimited):
        wait = timedelta(seconds=float(fault["headers"].get("retry-after", 120)))
        assert raised.value.until == NOW + wait


@pytest.mark.parametrize("header", ["soon", "Wed, 21 Oct 2026 07:28:00 GMT", "nan", "-3", "1e99"])
def test_a_wait_that_is_no_number_is_bounded(server: RedditServer, header: str) -> None:
    server.fail_next(loopback.status(429, retry_after=header, x_ratelimit_remaining="none"))
    with pytest.raises(RateLimited) as raised:
        RedditClient(access(server)).get("r/all/search", NOW)
    assert timedelta(0) < raised.value.until - NOW <= timedelta(minutes=2)


def test_a_token_that_ended_early_is_renewed_once(server: RedditServer) -> None:
    server.fail_next(loopback.status(401))
    assert RedditClient(access(server)).get("r/all/search", NOW)["kind"] == "Listing"
    assert server.tokens == 2


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (loopback.Reply(401, {"error": 401}), AuthFailed),
        (loopback.Reply(400, {"error": 400}), AuthFailed),
        (loopback.Reply(200, {"error": "invalid_grant"}), AuthFailed),
        (loopback.Reply(429, {}, {"retry-after": "7"}), RateLimited),
        (loopback.Reply(503, loopback.HTML), Transient),
        (loopback.Reply(200, loopback.HTML), Transient),
        (loopback.Reply(200, {}), Transient),
        (loopback.Reply(200, []), Transient),
        (loopback.Reply(302, b"", {"location": "http://127.0.0.1:9/"}), Transient),
    ],
)
def test_trouble_at_the_sign_in_says_what_happens_next(
    server: RedditServer, reply: loopback.Reply, error: type[SourceError]
) -> None:
    server.sign_in = reply
    with pytest.raises(error) as raised:
        RedditClient(access(server)).get("r/all/search", NOW)
    assert raised.value.__context__ is None
    assert raised.value.__cause__ is None


def test_a_wrong_password_parks_the_listener(server: RedditServer) -> None:
    client = RedditClient(access(server, username="acme_care", password="wrong"))
    with pytest.raises(AuthFailed, match="invalid_grant"):
        client.get("message/mentions", NOW)


@pytest.mark.parametrize("more", [{"username": "acme_care"}, {"refresh": True}])
def test_signing_in_as_a_person_shows_no_secret(
    server: RedditServer, more: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    for logger in ("", "praw", "prawcore", "urllib3.connectionpool"):
        caplog.set_level(logging.DEBUG, logger=logger)
    heard = listener(server, **more)
    pages = poll(heard)
    assert "/message/mentions" in paths(server)
    shown = f"{caplog.text} {heard!r} {vars(heard)} {pages!r}"
    assert not [secret for key, secret in SECRETS.items() if key != "reddit-client-id" and secret in shown]
    assert ACCESS not in shown


@pytest.mark.parametrize("fault", [loopback.status(503), loopback.hang(), loopback.truncated()])
def test_a_reply_is_sent_once_whatever_goes_wrong(server: RedditServer, fault: loopback.Fault) -> None:
    client = RedditClient(access(server, username="acme_care", password=SECRETS["reddit-password"], timeout=0.3))
    server.fail_next(fault)
    with pytest.raises(PrawcoreException):
        client.reddit.comment("abc").reply("We are sorry")
    assert [request.method for request in server.requests].count("POST") == 2  # the sign-in and the reply


def test_a_planted_settings_file_and_the_environment_have_no_say(
    server: RedditServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trap = "[DEFAULT]\noauth_url=http://127.0.0.1:9\nreddit_url=http://127.0.0.1:9\nusername=thief\npassword=x\n"
    (tmp_path / "praw.ini").write_text(trap)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setenv("praw_site", "elsewhere")
    monkeypatch.setenv("praw_refresh_token", "stolen")
    client = RedditClient(access(server))
    assert client.get("r/all/search", NOW)["kind"] == "Listing"
    assert client.reddit.config.username is None
    assert client.reddit.config.refresh_token is None
    defaults = RedditClient(RedditAccess("id", "secret", "linux:social-care:test")).reddit.config
    assert defaults.oauth_url == "https://oauth.reddit.com"


# --- settings ---


@pytest.mark.parametrize(
    "wrong", [{"subreddits": ["a/../b"]}, {"subreddits": ["数"]}, {"oauth_url": "http://oauth.reddit.com"},
              {"username": "a b"}, {"password": "x"}],
)  # fmt: skip
def test_wrong_settings_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        RedditSettings(**wrong)


def test_a_listener_without_keys_or_task_is_refused() -> None:
    context = ListenerContext("r", "Acme", frozenset(), [TopicQuery("a", "acme")], lambda name: "")
    with pytest.raises(ConfigError, match="reddit-client-id"):
        RedditListener.build(RedditSettings(), context)
    context = ListenerContext("r", "Acme", frozenset(), (), SECRETS.__getitem__)
    with pytest.raises(ConfigError, match="nothing to listen for"):
        RedditListener.build(RedditSettings(), context)


def test_the_access_never_shows_its_secrets() -> None:
    shown = repr(RedditAccess("id", "hidden-secret", "agent", password="hidden-password"))
    assert "hidden" not in shown


@pytest.mark.parametrize(
    "cursor", [{"streams": 1, "watch": 2, "queue": 3, "tree": 4}, {"tree": {}}, {"streams": {"x": 1}}]
)
def test_a_cursor_that_is_none_of_ours_begins_anew(server: RedditServer, cursor: Any) -> None:
    server.posts = [submission(1, NOW - MINUTE)]
    assert name(server.posts[0]) in ids(poll(listener(server), cursor))
