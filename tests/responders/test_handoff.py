"""Hand-off: what the platform allows, what would appear, and where a person goes to answer."""

from datetime import timedelta

import pytest
from clock import NOW

from responders.drafts import hash_of
from responders.handoff import REASONS, HandOff
from responders.ports import Poster
from storage.errors import StateError
from storage.models import Case, Draft, Mention


def make_mention(**values: object) -> Mention:
    base: dict[str, object] = {
        "id": 1,
        "brand_id": 1,
        "network": "x",
        "native_id": "m1",
        "kind": "post",
        "text": "help",
        "text_hash": "0",
        "posted_at": NOW,
        "first_seen_at": NOW,
        "thread_native_id": "m1",
        "listener": "t",
        "url": "https://x.com/jo/status/1",
    }
    return Mention(**(base | values))


def make_draft(text: str = "Sorry!", **values: object) -> Draft:
    base: dict[str, object] = {
        "id": 3,
        "case_id": 5,
        "in_reply_to": 1,
        "mention_version": 1,
        "text": text,
        "text_hash": hash_of(text),
        "approved_hash": hash_of(text),
        "status": "approved",
        "language": "en",
        "made_by": "kim",
        "created_at": NOW,
        "updated_at": NOW,
    }
    return Draft(**(base | values))


@pytest.mark.parametrize(
    ("mention", "allowed", "hand_off", "reason"),
    [
        ({"addressed": True}, True, True, "x_addressed"),
        ({}, False, True, "x_not_addressed"),
        ({"permissions": {"author_mentioned_us": False, "author_quoted_us": True}}, True, True, "x_addressed"),
        (
            {"addressed": True, "permissions": {"author_mentioned_us": False, "author_quoted_us": False}},
            False,
            True,
            "x_not_addressed",
        ),
        ({"permissions": {"reply_settings": "everyone"}}, False, True, "x_not_addressed"),
        ({"permissions": {"reply_settings": "mentionedUsers"}}, False, False, "x_replies_closed"),
        ({"permissions": {"reply_settings": "following"}}, False, True, "x_replies_limited"),
        ({"permissions": {"reply_settings": "mentionedUsers"}, "addressed": True}, True, True, "x_addressed"),
        ({"permissions": {"withheld_in": ["DE"]}, "addressed": True}, False, True, "withheld"),
        ({"network": "reddit"}, True, True, "reddit_comment"),
        ({"network": "reddit", "permissions": {"locked": True}}, False, False, "reddit_locked"),
        ({"network": "reddit", "permissions": {"archived": True}}, False, False, "reddit_archived"),
        ({"network": "reddit", "permissions": {"locked": False}}, True, True, "reddit_comment"),
        ({"network": "appstore", "kind": "review"}, True, True, "review"),
        ({"network": "play", "kind": "review"}, True, True, "review"),
        ({"network": "forum"}, False, True, "no_interface"),
        ({"network": "forum", "permissions": {"removed_at_source": True}}, False, False, "removed"),
        ({"deleted_at": NOW, "addressed": True}, False, False, "deleted"),
        ({"is_ours": True}, False, False, "own"),
        ({"kind": "repost"}, False, False, "repost"),
    ],
)
def test_what_may_be_answered_is_known_before_anyone_drafts(
    mention: dict[str, object], allowed: bool, hand_off: bool, reason: str
) -> None:
    post = make_mention(**mention)
    poster: Poster = HandOff(post.network)
    permission = poster.can_reply(post)
    assert (permission.allowed, permission.hand_off, permission.reason) == (allowed, hand_off, reason)
    assert REASONS[reason]


def test_the_preview_is_the_exact_text_with_its_hash_length_and_warnings() -> None:
    poster: Poster = HandOff("x")
    preview = poster.preview(make_draft("我們會在 24 小時內回覆您"), make_mention(lang="zh-TW"))
    assert preview.text_hash == hash_of(preview.text)
    assert (preview.length, preview.limit, preview.url) == (24, 280, "https://x.com/jo/status/1")
    assert preview.warnings == ("“24 小時內” is a promise: can it be kept?",)


def test_the_preview_knows_the_case_and_the_thread() -> None:
    case = Case(
        id=5,
        brand_id=1,
        network="x",
        author_key="1",
        thread_native_id="t",
        opened_at=NOW,
        first_seen_at=NOW,
        last_inbound_at=NOW,
        reasons=[{"name": "safety", "points": 0.5, "evidence": "smoke"}],
    )
    newer = make_mention(id=2, text="my mail is jo@example.com", first_seen_at=NOW + timedelta(minutes=1))
    draft = make_draft("It was our fault. We wrote to jo@example.com.")
    found = HandOff("x").lint(draft, make_mention(), case=case, thread=[make_mention(), newer])
    assert [warning.code for warning in found] == ["stale", "private_data", "liability"]
    assert "the customer wrote again" in found[0].message
    assert "the customer's own" in found[1].message


def test_an_edit_or_an_answer_of_ours_makes_a_draft_stale() -> None:
    poster = HandOff("x")
    assert "edited" in poster.preview(make_draft(), make_mention(version=2)).warnings[0]
    ours = make_mention(id=2, is_ours=True, first_seen_at=NOW + timedelta(minutes=1))
    assert "we have answered" in poster.preview(make_draft(), make_mention(), thread=[ours]).warnings[0]


def test_the_sheet_holds_the_approved_text_and_a_safe_address() -> None:
    sheet = HandOff("x").hand_off(make_draft(), make_mention(addressed=True))
    assert (sheet.text, sheet.url, sheet.native_id, sheet.warnings) == (
        "Sorry!",
        "https://x.com/jo/status/1",
        "m1",
        (),
    )


@pytest.mark.parametrize("url", [None, "javascript:alert(1)", "file:///etc/passwd", "https://a@b.example"])
def test_a_hostile_address_is_never_shown(url: str | None) -> None:
    sheet = HandOff("x").hand_off(make_draft(), make_mention(url=url, addressed=True))
    assert sheet.url is None
    assert "find the post by its id" in sheet.warnings[0]


@pytest.mark.parametrize(
    "values",
    [{"status": "drafted"}, {"status": "rejected"}, {"approved_hash": None}, {"approved_hash": hash_of("Other")}],
)
def test_nothing_is_handed_off_without_consent_to_this_text(values: dict[str, object]) -> None:
    with pytest.raises(StateError, match="approve it first"):
        HandOff("x").hand_off(make_draft(**values), make_mention())


def test_a_locked_thread_is_not_handed_off() -> None:
    with pytest.raises(StateError, match="locked"):
        HandOff("reddit").hand_off(make_draft(), make_mention(network="reddit", permissions={"locked": True}))
