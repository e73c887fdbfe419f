"""A page becomes rows once, however often and in whatever order it arrives."""

import shutil
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from clock import NOW
from hypothesis import given, settings
from hypothesis import strategies as st
from making import count, mark_triaged, mention, store, stored, versions
from sqlalchemy import func
from sqlmodel import Session, select

from storage.database import Database, open_database
from storage.ingest import Stored, store_page
from storage.models import (
    Author,
    AuthorData,
    Brand,
    Case,
    ListenerState,
    Mention,
    MentionData,
    MentionVersion,
    Rejected,
    Tombstone,
)
from storage.pages import Deletion, Page, Rejection
from storage.search import search

LATER = NOW + timedelta(hours=1)


def test_a_new_post_is_stored_with_its_author_brand_first_version_and_words(database: Database) -> None:
    outcome = store(database, mention("1", "late flight", author="bob", raw={"id": "1"}, metrics={"likes": 3}))
    assert (outcome.new, outcome.unchanged, outcome.rejected) == (1, 0, 0)
    row = stored(database)["1"]
    assert outcome.ids == (row.id,)
    assert (row.text, row.version, row.triaged_version, row.first_seen_at) == ("late flight", 1, 0, NOW)
    assert (row.raw, row.metrics, row.listener, row.thread_native_id) == ({"id": "1"}, {"likes": 3}, "acme-x", "1")
    assert versions(database, "1") == [(1, "late flight")]
    with database.read() as session:
        assert session.exec(select(Brand.name)).all() == ["Acme"]
        assert session.exec(select(Author.handle)).all() == ["bob"]
        assert [hit.native_id for hit in search(session, "flight")] == ["1"]


def test_hearing_the_same_page_again_changes_nothing(database: Database) -> None:
    page = [mention(str(number), f"post {number}") for number in range(20)]
    store(database, *page)
    before = stored(database)
    again = store(database, *page, now=LATER)
    assert (again.new, again.updated, again.unchanged, again.refreshed, again.ids) == (0, 0, 20, 0, ())
    assert stored(database) == before
    assert count(database, ["mention", "mentionversion", "author", "brand"]) == {
        "mention": 20, "mentionversion": 20, "author": 1, "brand": 1,
    }  # fmt: skip


@pytest.mark.parametrize("change", [{"text": "found it, thanks"}, {"title": "Bag"}, {"rating": 5.0}])
def test_new_words_title_or_stars_make_a_version_that_is_scored_and_triaged_again(
    database: Database, change: dict[str, object]
) -> None:
    store(database, mention("1", rating=1.0))
    mark_triaged(database)
    edited = mention("1", rating=1.0, edited_at=NOW).model_copy(update=change)
    outcome = store(database, edited, now=LATER)
    row = stored(database)["1"]
    assert (outcome.updated, outcome.ids) == (1, (row.id,))
    assert row.version == 2 > row.triaged_version
    assert [number for number, _ in versions(database, "1")] == [1, 2]
    assert versions(database, "1")[0][1] == "my bag is lost"


def test_after_an_edit_only_the_new_words_are_found(database: Database) -> None:
    store(database, mention("1", "my suitcase vanished"))
    store(database, mention("1", "my guitar vanished", edited_at=NOW), now=LATER)
    with database.read() as session:
        assert [len(search(session, word)) for word in ("suitcase", "guitar", "vanished")] == [0, 1, 1]


def test_counters_permissions_and_names_are_brought_up_to_date_without_a_version(database: Database) -> None:
    store(database, mention("1", metrics={"likes": 1}))
    mark_triaged(database)
    renamed = AuthorData(native_id="alice", handle="alice_2", followers=10**12)
    outcome = store(database, mention("1", metrics={"likes": 9}, permissions={"locked": True}, author=renamed))
    row = stored(database)["1"]
    assert (outcome.unchanged, outcome.refreshed, outcome.ids) == (1, 1, ())
    assert (row.metrics, row.permissions, row.version, row.triaged_version) == (
        {"likes": 9},
        {"locked": True},
        1,
        1,
    )
    with database.read() as session:
        author = session.exec(select(Author)).one()
        assert (author.handle, author.followers) == ("alice_2", 2**31 - 1)


def test_imported_history_does_not_rename_an_author(database: Database) -> None:
    store(database, mention("1", author=AuthorData(native_id="a", handle="new_name")))
    store(database, mention("2", author=AuthorData(native_id="a", handle="old_name", name="Al")), backfilled=True)
    with database.read() as session:
        author = session.exec(select(Author)).one()
        assert (author.handle, author.name) == ("new_name", "Al")


def test_an_older_copy_arriving_late_overwrites_nothing(database: Database) -> None:
    store(database, mention("1", "second wording", edited_at=NOW, metrics={"likes": 5}))
    for late in (mention("1", "first wording"), mention("1", "other", edited_at=NOW - timedelta(minutes=5))):
        assert store(database, late, now=LATER).unchanged == 1
    row = stored(database)["1"]
    assert (row.text, row.metrics, row.version) == ("second wording", {"likes": 5}, 1)


def test_duplicates_within_a_page_are_stored_once_and_counted(database: Database) -> None:
    outcome = store(database, mention("1", "old"), mention("1", "new", edited_at=NOW), mention("1", "old"))
    assert (outcome.new, outcome.skipped) == (1, {"duplicate in page": 2})
    assert stored(database)["1"].text == "new"


def test_one_post_about_two_brands_is_a_mention_of_each(database: Database) -> None:
    store(database, mention("1"), mention("1", brand="Beta"))
    assert count(database, ["mention", "author"]) == {"mention": 2, "author": 1}


def test_a_post_with_the_id_of_another_one_is_rejected_aloud(database: Database) -> None:
    first, second, third = (
        mention("5.7E+17", f"words of {name}", author=name, posted_at=NOW - timedelta(minutes=minute))
        for minute, name in enumerate(("ann", "ben", "cyd"))
    )
    outcome = store(database, first, second)
    assert (outcome.new, outcome.rejected) == (1, 1)
    assert store(database, third).rejected == 1
    assert stored(database)["5.7E+17"].text == "words of ann"
    with database.read() as session:
        kept = session.exec(select(Rejected).order_by(Rejected.id)).all()
    assert [("words of ben" in kept[0].raw), ("words of cyd" in kept[1].raw)] == [True, True]
    assert "ids must be unique" in kept[0].reason


def test_a_deletion_takes_the_words_from_everywhere_and_tells_triage(database: Database) -> None:
    store(database, mention("1", "my secret", title="Secret", raw={"text": "my secret"}))
    store(database, mention("1", "my other secret", title="Secret", edited_at=NOW))
    mark_triaged(database)
    outcome = store(database, deletions=[Deletion("1", "deleted by its author", NOW)], now=LATER)
    row = stored(database)["1"]
    assert (outcome.deleted, outcome.ids) == (1, (row.id,))
    assert (row.text, row.title, row.raw, row.deleted_at) == ("", None, {}, NOW)
    assert row.version == 3 > row.triaged_version
    assert {words for _, words in versions(database, "1")} == {""}
    with database.read() as session:
        assert search(session, "secret") == []
        assert session.exec(select(Tombstone.reason)).all() == ["deleted by its author"]
    assert store(database, deletions=[Deletion("1", "again")]).deleted == 0


def test_no_byte_of_a_deleted_post_stays_in_the_file(sqlite_database: Database) -> None:
    store(
        sqlite_database,
        mention("1", "xylophonequartet " * 50, title="xylophonequartet", raw={"t": "xylophonequartet"}),
    )
    store(sqlite_database, *(mention(f"n{number}", f"other post {number}") for number in range(200)))
    path = sqlite_database.path
    assert path is not None
    files = list(path.parent.glob(f"{path.name}*"))
    assert any(b"xylophonequartet" in file.read_bytes() for file in files)
    store(sqlite_database, deletions=[Deletion("1", "deleted")])
    sqlite_database.compact()
    for file in files:
        assert b"xylophonequartet" not in file.read_bytes(), file


def test_what_was_deleted_never_comes_back(database: Database) -> None:
    store(database, mention("1"))
    store(database, mention("2"), deletions=[Deletion("1", "gone"), Deletion("3", "gone before we heard it")])
    outcome = store(database, mention("1"), mention("3"), now=LATER)
    assert (outcome.new, outcome.updated, outcome.tombstoned) == (0, 0, 2)
    assert stored(database)["1"].text == ""
    assert "3" not in stored(database)


def test_a_deletion_in_the_same_page_wins(database: Database) -> None:
    outcome = store(database, mention("1"), deletions=[Deletion("1", "gone")])
    assert (outcome.new, outcome.tombstoned) == (0, 1)
    assert stored(database) == {}


def test_rejected_rows_are_kept_once(database: Database) -> None:
    bad = Rejection("line 17", "no time", "a\x00b,\ud800")
    for _ in range(2):
        assert store(database, rejections=[bad]).rejected == 1
    with database.read() as session:
        row = session.exec(select(Rejected)).one()
    assert (row.place, row.raw, row.listener) == ("line 17", "a\ufffdb,\ufffd", "acme-x")


def test_the_cursor_is_stored_with_the_page_or_not_at_all(database: Database) -> None:
    store(database, mention("1"), cursor={"since": "1"}, reads=5)
    with pytest.raises(RuntimeError), database.write() as session:
        _store_and_fail(session)
    with database.read() as session:
        row = session.get_one(ListenerState, "acme-x")
    assert (row.cursor, row.reads, row.last_success_at) == ({"since": "1"}, 5, NOW)
    assert set(stored(database)) == {"1"}


def _store_and_fail(session: Session) -> None:
    page = Page(mentions=[mention("2")], cursor={"since": "2"})
    store_page(session, page, listener="acme-x", network="x", now=NOW)
    raise RuntimeError


def test_reads_are_counted_by_utc_day(database: Database) -> None:
    for hours, reads in ((0, 5), (1, 7), (13, 2)):
        store(database, reads=reads, now=NOW + timedelta(hours=hours))
    with database.read() as session:
        row = session.get_one(ListenerState, "acme-x")
    assert (row.reads, row.reads_day) == (2, "2026-03-03")


def test_the_hook_sees_what_needs_work_inside_the_transaction(database: Database) -> None:
    seen: list[tuple[int, int]] = []

    def hook(session: Session, ids: object) -> None:
        seen.append((len(session.exec(select(Mention)).all()), len(list(ids))))  # type: ignore[call-overload]

    with database.write() as session:
        store_page(
            session,
            Page(mentions=[mention("1"), mention("2")]),
            listener="l",
            network="x",
            now=NOW,
            after_store=hook,
        )
        store_page(session, Page(mentions=[mention("1")]), listener="l", network="x", now=NOW, after_store=hook)
    assert seen == [(2, 2)]


def test_becoming_ours_or_addressed_hands_a_post_to_triage_again(database: Database) -> None:
    store(database, mention("1"), mention("2"), mention("3"))
    mark_triaged(database)
    outcome = store(database, mention("1", is_ours=True), mention("2", addressed=True), mention("3"))
    assert (outcome.updated, outcome.unchanged) == (2, 1)
    assert {key: (row.version, row.triaged_version) for key, row in stored(database).items()} == {
        "1": (1, 0), "2": (1, 0), "3": (1, 1),
    }  # fmt: skip


def test_hostile_texts_pass_unharmed(database: Database) -> None:
    texts = [
        "\x1b[31mred",
        "<script>x</script>",
        "=1+1",
        "\u202eevil",
        "x" * 1_000_000,
        "nul\x00",
        "航" * 300_000,
        "' \" \\",
    ]
    store(
        database,
        *(mention(str(number), words, raw={"n": float("nan"), "t": words}) for number, words in enumerate(texts)),
    )
    rows = stored(database)
    assert [rows[str(number)].text for number in range(len(texts))] == [
        words.replace("\x00", "\ufffd") for words in texts
    ]
    assert rows["0"].raw["n"] == "nan"


def test_counts_of_pages_add_up() -> None:
    one = Stored(new=1, skipped={"retweet": 2}, ids=(1,))
    assert one + Stored(new=2, unchanged=3, skipped={"retweet": 1, "x": 1}, ids=(2,)) == Stored(
        new=3, unchanged=3, skipped={"retweet": 3, "x": 1}, ids=(1, 2)
    )


# --- threads -------------------------------------------------------------------------------------------------


def roots(database: Database) -> dict[str, str]:
    return {key: row.thread_native_id for key, row in stored(database).items()}


def test_a_reply_joins_the_thread_of_its_parent_wherever_that_was_heard(database: Database) -> None:
    store(database, mention("root"))
    store(
        database,
        mention("a", parent_native_id="root"),
        mention("c", parent_native_id="b"),
        mention("b", parent_native_id="a"),
    )
    assert set(roots(database).values()) == {"root"}


def test_a_parent_heard_later_takes_its_replies_with_it(database: Database) -> None:
    store(database, mention("c", parent_native_id="b"), mention("d", parent_native_id="c"))
    assert roots(database) == {"c": "b", "d": "b"}
    store(database, mention("b", parent_native_id="a"))
    assert set(roots(database).values()) == {"a"}
    store(database, mention("a", thread_native_id="top"))
    assert set(roots(database).values()) == {"top"}


def test_a_root_named_by_the_platform_wins(database: Database) -> None:
    store(
        database, mention("a", parent_native_id="x1", thread_native_id="root"), mention("b", parent_native_id="a")
    )
    assert roots(database) == {"a": "root", "b": "root"}


def test_learning_the_parent_of_a_known_post_moves_its_thread(database: Database) -> None:
    store(database, mention("top"), mention("a"), mention("b", parent_native_id="a"))
    store(database, mention("a", parent_native_id="top"))
    assert roots(database) == {"top": "top", "a": "top", "b": "top"}


def test_posts_answering_each_other_in_a_circle_do_no_harm(database: Database) -> None:
    store(
        database,
        mention("a", parent_native_id="b"),
        mention("b", parent_native_id="a"),
        mention("c", parent_native_id="c"),
    )
    assert roots(database)["a"] == roots(database)["b"]
    store(database, mention("d", parent_native_id="e"))
    store(database, mention("e", parent_native_id="d"))
    assert roots(database)["d"] == roots(database)["e"]


def _case(session: Session, author_key: str, thread: str) -> int:
    brand = session.exec(select(Brand.id)).one()
    case = Case(
        brand_id=brand, network="x", author_key=author_key, thread_native_id=thread, opened_at=NOW,
        first_seen_at=NOW, last_inbound_at=NOW,
    )  # fmt: skip
    session.add(case)
    session.flush()
    assert case.id is not None
    return case.id


def test_cases_follow_their_thread_and_colliding_ones_stay(database: Database) -> None:
    store(database, mention("b", parent_native_id="a"))
    with database.write() as session:
        moving, staying, there = _case(session, "1", "a"), _case(session, "2", "a"), _case(session, "2", "top")
    mark_triaged(database)
    store(database, mention("a", thread_native_id="top"), mention("o", parent_native_id="a", is_ours=True))
    with database.read() as session:
        threads = {case.id: (case.thread_native_id, case.revision) for case in session.exec(select(Case))}
    assert threads == {moving: ("top", 2), staying: ("a", 1), there: ("top", 1)}


def test_our_own_answer_that_changes_thread_is_triaged_again(database: Database) -> None:
    store(database, mention("ours", parent_native_id="a", is_ours=True), mention("theirs", parent_native_id="a"))
    mark_triaged(database)
    store(database, mention("a", parent_native_id="root"))
    assert {key: row.triaged_version for key, row in stored(database).items()} == {"ours": 0, "theirs": 1, "a": 0}


# --- any order -----------------------------------------------------------------------------------------------


@st.composite
def _stories(draw: st.DrawFn) -> list[Page]:
    """Posts that answer each other, edits of them and deletions, on pages with repeats, in any order."""
    size = draw(st.integers(2, 7))
    things: list[MentionData | Deletion] = []
    for number in range(size):
        parent = draw(st.one_of(st.none(), st.integers(0, number - 1))) if number else None
        edits = draw(st.integers(0, 2))
        for edit in range(edits + 1):
            things.append(
                mention(
                    f"p{number}",
                    f"post {number} wording {edit}",
                    author=f"a{number % 3}",
                    parent_native_id=None if parent is None else f"p{parent}",
                    edited_at=NOW + timedelta(minutes=edit) if edit else None,
                )
            )
        if draw(st.integers(0, 5)) == 0:
            things.append(Deletion(f"p{number}", "gone", NOW))
    repeats = draw(st.lists(st.sampled_from(things), max_size=6))
    shuffled = draw(st.permutations([*things, *repeats]))
    pages: list[Page] = []
    start = 0
    while start < len(shuffled):
        chunk = shuffled[start : start + draw(st.integers(1, 5))]
        start += len(chunk)
        pages.append(
            Page(
                mentions=[item for item in chunk if isinstance(item, MentionData)],
                deletions=[item for item in chunk if isinstance(item, Deletion)],
            )
        )
    return pages


def _expected(pages: list[Page]) -> dict[str, tuple[str, str | None]]:
    """Last wording and root of each post that was not deleted; no root below a deletion.

    A post deleted before it was heard names no parent, so where its replies belong depends on what came first.
    """
    gone = {item.native_id for page in pages for item in page.deletions}
    posts: dict[str, MentionData] = {}
    for item in sorted((item for page in pages for item in page.mentions), key=lambda item: item.edited_at or NOW):
        posts[item.native_id] = item

    def root(native_id: str) -> str | None:
        parent = posts[native_id].parent_native_id
        if parent in gone:
            return None
        return native_id if parent is None else root(parent)

    return {key: (item.text, root(key)) for key, item in posts.items() if key not in gone}


@pytest.mark.timeout(300)
@settings(max_examples=40, deadline=None)
@given(pages=_stories())
def test_any_order_and_repetition_of_pages_gives_the_same_mentions(
    pages: list[Page], tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path
) -> None:
    path = tmp_path_factory.mktemp("order") / "test.db"
    shutil.copyfile(sqlite_template, path)
    database = open_database(f"sqlite:///{path}")
    with database.write() as session:
        session.add(Brand(name="Acme", created_at=NOW))
    for page in pages:
        with database.write() as session:
            store_page(session, page, listener="l", network="x", now=NOW)
    rows = stored(database)
    living = {key: row for key, row in rows.items() if row.deleted_at is None}
    expected = _expected(pages)
    assert {key: row.text for key, row in living.items()} == {key: text for key, (text, _) in expected.items()}
    assert all(root in (None, living[key].thread_native_id) for key, (_, root) in expected.items())
    with database.read() as session:
        found = {query: {hit.native_id for hit in search(session, query)} for query in ("post", "wording")}
        latest = {key: session.exec(_latest_version(row)).one() for key, row in living.items()}
    assert found == {"post": set(living), "wording": set(living)}
    assert latest == {key: (row.version, row.text, row.version) for key, row in living.items()}
    assert all(row.text == "" for row in rows.values() if row.deleted_at is not None)
    database.dispose()


def _latest_version(row: Mention) -> Any:
    """Number and text of the newest version, and how many there are."""
    mine = MentionVersion.mention_id == row.id
    return (
        select(func.max(MentionVersion.version), func.max(MentionVersion.text), func.count())
        .select_from(MentionVersion)
        .where(mine)
    )
