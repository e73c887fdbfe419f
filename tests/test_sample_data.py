"""What the demo's sample data promises to its readers, its tests and its documents."""

import json
import re
import unicodedata
from collections import Counter, defaultdict
from importlib.resources import files
from typing import Any
from urllib.parse import urlsplit

import pytest

Post = dict[str, Any]

FOLDER = files("social_care") / "data" / "demo"
FORTNIGHT = 14 * 24 * 60  # minutes
NETWORKS = {"x", "reddit", "appstore", "googleplay", "forum"}
KINDS = {"post", "comment", "review", "repost", "quote", "reply"}
KEYS = {
    "network",
    "id",
    "kind",
    "author",
    "text",
    "title",
    "rating",
    "lang",
    "minutes_ago",
    "url",
    "parent",
    "thread",
}
KEYS |= {"quoted", "ours", "mentions", "metrics", "edited_minutes_ago", "deleted", "deleted_minutes_ago"}


def lines() -> list[str]:
    return (FOLDER / "posts.jsonl").read_text(encoding="utf-8").split("\n")


@pytest.fixture(scope="module")
def records() -> list[Post]:
    """Every record, in file order, versions and tombstones included."""
    return [json.loads(line) for line in lines() if line]


@pytest.fixture(scope="module")
def posts(records: list[Post]) -> dict[str, Post]:
    """The first record of each id."""
    first: dict[str, Post] = {}
    for record in records:
        first.setdefault(record["id"], record)
    return first


@pytest.fixture(scope="module")
def readme() -> str:
    return (FOLDER / "README.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def beats(readme: str) -> dict[str, list[str]]:
    """Name of a beat -> ids, as the README declares them."""
    rows = re.findall(r"^\| [^|]+ \| ([a-z0-9-]+) \| ((?:`[^`]+` ?)+)\|", readme, flags=re.MULTILINE)
    assert len(rows) == len({name for name, _ in rows}), "two beats share a name"
    return {name: re.findall(r"`([^`]+)`", ids) for name, ids in rows}


@pytest.fixture(scope="module")
def answers(posts: dict[str, Post]) -> dict[str, list[Post]]:
    """Id of a post -> the brand's direct replies to it."""
    found: dict[str, list[Post]] = defaultdict(list)
    for post in posts.values():
        if post.get("ours") and "parent" in post:
            found[post["parent"]].append(post)
    return dict(found)


def arrival(record: Post) -> int:
    moments = [
        record[key] for key in ("deleted_minutes_ago", "edited_minutes_ago", "minutes_ago") if key in record
    ]
    return int(moments[0])


def first_answer_minutes(post: Post, answers: dict[str, list[Post]]) -> int:
    return int(post["minutes_ago"]) - max(int(reply["minutes_ago"]) for reply in answers[post["id"]])


# The file


def test_there_are_about_three_hundred_records_one_valid_json_object_a_line(records: list[Post]) -> None:
    assert 280 <= len(records) <= 320
    assert lines()[-1] == "", "the file ends with a newline"
    assert all(isinstance(record, dict) for record in records)


def test_the_bytes_are_plain_utf8_in_nfc(records: list[Post]) -> None:
    raw = (FOLDER / "posts.jsonl").read_bytes()
    assert not raw.startswith(b"\xef\xbb\xbf")
    assert b"\r" not in raw
    text = raw.decode("utf-8")
    assert unicodedata.is_normalized("NFC", text)
    for record in records:
        assert unicodedata.is_normalized("NFC", record.get("text", "") + record.get("title", ""))


def test_every_record_has_the_promised_keys_and_no_others(records: list[Post]) -> None:
    for record in records:
        assert set(record) <= KEYS
        assert {"network", "id", "kind", "minutes_ago", "url"} <= set(record)
        assert record["network"] in NETWORKS
        assert record["kind"] in KINDS
        assert isinstance(record["id"], str)
        assert record["id"]
        if record.get("deleted"):
            assert not {"text", "author", "title"} & set(record), "a tombstone keeps nothing of the post"
        else:
            assert {"id", "handle", "name"} <= set(record["author"])
            assert isinstance(record["text"], str)


def test_handles_and_ids_look_like_those_of_their_networks(records: list[Post]) -> None:
    shapes = {"x": (r"\d{19}", r"\w{1,15}"), "reddit": (r"t[13]_[0-9a-z]{6,7}", r"[\w-]{3,20}")}
    for record in records:
        native_id, handle = shapes.get(
            record["network"], (r"\d+|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", r".+")
        )
        assert re.fullmatch(native_id, record["id"])
        if "author" in record:
            assert re.fullmatch(handle, record["author"]["handle"], flags=re.ASCII), record["author"]["handle"]


def test_newer_ids_on_x_are_larger(posts: dict[str, Post]) -> None:
    in_order = sorted((p for p in posts.values() if p["network"] == "x"), key=lambda p: int(p["id"]))
    times = [post["minutes_ago"] for post in in_order]
    assert times == sorted(times, reverse=True)


def test_reviews_have_stars_and_only_reviews_do(records: list[Post]) -> None:
    for record in records:
        if record["kind"] == "review":
            assert record["network"] in {"appstore", "googleplay"}
            assert record["rating"] in {1, 2, 3, 4, 5}
        else:
            assert "rating" not in record


def test_only_x_and_the_stores_tell_a_language(records: list[Post]) -> None:
    for record in records:
        if record["network"] in {"reddit", "forum"}:
            assert "lang" not in record
        elif record["kind"] == "review" or record["network"] == "x":
            assert record.get("deleted") or record["lang"]


def test_everything_happens_within_fourteen_days_before_now(records: list[Post]) -> None:
    for record in records:
        for key in ("minutes_ago", "edited_minutes_ago", "deleted_minutes_ago"):
            assert isinstance(record.get(key, 0), int)
            assert 0 <= record.get(key, 0) <= FORTNIGHT
        assert arrival(record) <= record["minutes_ago"], "nothing is edited or deleted before it is posted"
    assert max(record["minutes_ago"] for record in records) > FORTNIGHT - 24 * 60
    assert min(record["minutes_ago"] for record in records) < 10


def test_records_come_in_order_of_arrival(records: list[Post], beats: dict[str, list[str]]) -> None:
    twice = set(beats["heard-twice"])
    times = [arrival(record) for record in records if record["id"] not in twice]
    assert times == sorted(times, reverse=True)


# Identity


def test_an_id_repeats_only_where_the_readme_says_so(records: list[Post], beats: dict[str, list[str]]) -> None:
    declared = [
        *beats["heard-twice"],
        *beats["edited"],
        *beats["edited-stars"],
        *beats["deleted-early"],
        *beats["deleted-late"],
    ]
    repeated = Counter((record["network"], record["id"]) for record in records)
    assert {key[1]: n for key, n in repeated.items() if n > 1} == dict.fromkeys(declared, 2)


def test_posts_heard_twice_are_the_same_record(records: list[Post], beats: dict[str, list[str]]) -> None:
    for native_id in beats["heard-twice"]:
        one, two = (record for record in records if record["id"] == native_id)
        assert one == two


def test_edits_change_the_text_and_one_review_goes_from_one_star_to_five(
    records: list[Post], beats: dict[str, list[str]], answers: dict[str, list[Post]]
) -> None:
    for native_id in beats["edited"] + beats["edited-stars"]:
        before, after = (record for record in records if record["id"] == native_id)
        assert before["text"] != after["text"]
        assert before["minutes_ago"] == after["minutes_ago"]
        assert "edited_minutes_ago" not in before
        assert after["edited_minutes_ago"] < after["minutes_ago"]
    (review,) = beats["edited-stars"]
    versions = [record for record in records if record["id"] == review]
    assert [version["rating"] for version in versions] == [1, 5]
    assert answers[review][0]["minutes_ago"] > versions[1]["edited_minutes_ago"], (
        "the stars change after our reply"
    )


def test_deletions_follow_their_posts_one_before_and_one_after_an_hour(
    records: list[Post], beats: dict[str, list[str]], answers: dict[str, list[Post]]
) -> None:
    life = {}
    for name in ("deleted-early", "deleted-late"):
        (native_id,) = beats[name]
        post, tombstone = (record for record in records if record["id"] == native_id)
        assert tombstone["deleted"] is True
        assert native_id not in answers
        life[name] = post["minutes_ago"] - tombstone["deleted_minutes_ago"]
    assert life["deleted-early"] < 60 < life["deleted-late"]


def test_the_same_words_come_from_several_authors_only_where_declared(
    posts: dict[str, Post], beats: dict[str, list[str]]
) -> None:
    by_text = defaultdict(list)
    for post in posts.values():
        if post["text"]:
            by_text[post["text"]].append(post["id"])
    assert [ids for ids in by_text.values() if len(ids) > 1] == [beats["copies"]]


def test_no_two_customers_begin_their_posts_alike(posts: dict[str, Post], beats: dict[str, list[str]]) -> None:
    excused = set(beats["copies"] + beats["news"])
    openings = Counter(
        re.sub(r"^(@\w+\s+)+", "", post["text"])[:20].lower()
        for post in posts.values()
        if post["kind"] != "repost"
        and not post.get("ours")
        and post["id"] not in excused
        and len(post["text"]) > 20
    )
    assert [opening for opening, n in openings.items() if n > 1] == []


# Threads


def test_parents_roots_and_quoted_posts_exist_on_the_same_network(posts: dict[str, Post]) -> None:
    for post in posts.values():
        for key in ("parent", "thread", "quoted"):
            if key in post:
                target = posts[post[key]]
                assert target["network"] == post["network"]
                if post[key] != post["id"]:
                    assert target["minutes_ago"] > post["minutes_ago"], "an answer comes after what it answers"
        if "parent" in post:
            assert posts[post["parent"]].get("thread", post["parent"]) == post["thread"]
        if post["kind"] in {"repost", "quote"}:
            assert "quoted" in post


def test_the_brand_answers_natively_on_every_network(answers: dict[str, list[Post]]) -> None:
    replies = [reply for found in answers.values() for reply in found]
    assert {reply["network"] for reply in replies} == NETWORKS
    assert len(replies) > 60
    assert {reply["author"]["handle"] for reply in replies if reply["network"] == "x"} == {"KestrelCare"}
    assert {reply["author"]["handle"] for reply in replies if reply["network"] == "reddit"} == {"kestrel_support"}


def test_most_answers_come_within_the_hour_and_some_do_not(
    posts: dict[str, Post], beats: dict[str, list[str]], answers: dict[str, list[Post]]
) -> None:
    waits = [first_answer_minutes(posts[native_id], answers) for native_id in answers]
    on_time = sum(wait <= 60 for wait in waits)
    assert len(waits) / 2 < on_time < len(waits) * 0.8
    assert all(first_answer_minutes(posts[native_id], answers) > 60 for native_id in beats["late-reply"])
    first, second = beats["chased"]
    assert first not in answers
    assert answers[second][0]["minutes_ago"] < posts[first]["minutes_ago"] - 60
    assert all(first_answer_minutes(posts[native_id], answers) > 24 * 60 for native_id in beats["late-review"])


def test_about_two_in_five_of_those_who_need_an_answer_have_none(
    posts: dict[str, Post], beats: dict[str, list[str]], answers: dict[str, list[Post]]
) -> None:
    # A stand-in for reply-needed that needs no scorer: addressed to the care account, or a review of up to three
    # stars, and not in a beat of thanks, chatter or spam. A case is an author in a thread.
    idle = {
        native_id
        for beat in ("spam", "thanks", "praise", "outage-chatter", "outage-over")
        for native_id in beats[beat]
    }
    asked: dict[tuple[str, str], bool] = {}
    for post in posts.values():
        aimed = "KestrelCare" in post.get("mentions", []) or post.get("rating", 5) <= 3
        if aimed and not post.get("ours") and post["id"] not in idle:
            case = (str(post["author"]["id"]), str(post.get("thread", post["id"])))
            asked[case] = asked.get(case, False) or post["id"] in answers
    assert len(asked) > 100
    assert 0.35 <= 1 - sum(asked.values()) / len(asked) <= 0.45


def test_some_posts_of_the_last_hour_wait_for_their_first_answer(
    posts: dict[str, Post], beats: dict[str, list[str]], answers: dict[str, list[Post]]
) -> None:
    assert len(beats["pending"]) >= 5
    for native_id in beats["pending"]:
        assert posts[native_id]["minutes_ago"] <= 60
        assert native_id not in answers


def test_several_customers_share_a_thread(posts: dict[str, Post], beats: dict[str, list[str]]) -> None:
    for root in beats["shared-thread"]:
        authors = {p["author"]["id"] for p in posts.values() if p.get("thread") == root and not p.get("ours")}
        assert len(authors) >= 2


# The story


def test_every_network_and_every_language_is_heard(posts: dict[str, Post]) -> None:
    assert {post["network"] for post in posts.values()} == NETWORKS
    texts = [post["text"] for post in posts.values()]
    kana = [text for text in texts if re.search(r"[\u3040-\u30ff]", text)]
    han = [text for text in texts if re.search(r"[\u4e00-\u9fff]{2}", text) and text not in kana]
    assert len(kana) >= 10
    assert sum(bool(re.search("[们这说为网还对]", text)) for text in han) >= 25, "simplified"
    assert sum(bool(re.search("[們這說為網還對]", text)) for text in han) >= 25, "traditional"
    assert sum(bool(re.search("[冇嘅咗喺畀唔]", text)) for text in han) >= 12, "Cantonese"
    assert len(posts) / 4 < len(han) < len(posts) / 2
    told = Counter(post.get("lang") for post in posts.values())
    assert told["es"] >= 10
    assert told["de"] >= 10


def test_there_is_one_spike_of_two_hours(posts: dict[str, Post], beats: dict[str, list[str]]) -> None:
    def within(end: int) -> int:
        return sum(end <= post["minutes_ago"] < end + 120 for post in posts.values())

    peak = max(range(0, FORTNIGHT, 10), key=within)
    assert within(peak) >= 40
    assert peak < 2 * 24 * 60
    elsewhere = [within(end) for end in range(0, FORTNIGHT, 10) if abs(end - peak) >= 180]
    assert max(elsewhere) < within(peak) / 3
    outage = [posts[native_id] for native_id in beats["outage"]]
    assert all(peak - 60 <= post["minutes_ago"] <= peak + 180 for post in outage)
    words = [(post["text"] + post.get("title", "")).lower() for post in outage]
    assert sum("bristol" in text or "布" in text for text in words) > len(words) / 2


def test_nights_are_quieter_than_days(posts: dict[str, Post]) -> None:
    # Minute 290 before now is a morning in the story; its small hours are 600 to 780 minutes before now, each day.
    night = sum(600 <= post["minutes_ago"] % 1440 < 780 for post in posts.values())
    assert night < len(posts) * (180 / 1440) / 3


def test_hostile_posts_are_as_hostile_as_promised(posts: dict[str, Post], beats: dict[str, list[str]]) -> None:
    def only(beat: str) -> Post:
        (native_id,) = beats[beat]
        return posts[native_id]

    assert {"\x1b", "\x07", "\u202e"} <= set(only("hostile-terminal")["text"])
    assert "<script>" in only("hostile-html")["text"]
    assert "onerror=" in only("hostile-html")["title"]
    assert only("hostile-formula")["text"].startswith("=HYPERLINK(")
    assert "ignore previous instructions" in only("hostile-prompt")["text"].lower()
    assert not re.search(r"\w", only("emoji-only")["text"].replace("@KestrelCare", ""))
    assert only("no-text")["text"] == ""


def test_no_other_post_carries_control_characters(posts: dict[str, Post], beats: dict[str, list[str]]) -> None:
    for post in posts.values():
        if post["id"] not in beats["hostile-terminal"]:
            assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", post["text"])


def test_links_and_numbers_point_to_nobody(records: list[Post]) -> None:
    for record in records:
        found = [record["url"], *re.findall(r"https?://[^\s\"'\x07\x1b]+", record.get("text", ""))]
        for url in found:
            assert (urlsplit(url).hostname or "").endswith(".example"), url
        for number in re.findall(r"\d[\d ]{7,}\d", record.get("text", "")):
            assert number.startswith("07700 900"), "only numbers set aside for fiction"


# The README


def test_the_readme_names_only_ids_that_exist(posts: dict[str, Post], beats: dict[str, list[str]]) -> None:
    assert len(beats) > 30
    for name, ids in beats.items():
        assert ids, name
        assert set(ids) <= set(posts), name
        assert len(ids) == len(set(ids)), name


def test_the_readme_counts_are_those_of_the_file(records: list[Post], posts: dict[str, Post], readme: str) -> None:
    assert f"{len(records)} records about {len(posts)} posts." in readme
    header = re.search(r"^\| language \| (.+) \| records \|$", readme, flags=re.MULTILINE)
    assert header
    rows = re.findall(r"^\| ([^|]+) \| (\d[\d| ]+\d) \|$", readme, flags=re.MULTILINE)
    table = {name.strip("* "): [int(cell) for cell in cells.split("|")] for name, cells in rows}
    total = table.pop("all")
    by_network = Counter(record["network"] for record in records)
    assert total == [*(by_network[network] for network in header[1].split(" | ")), len(records)]
    assert [sum(column) for column in zip(*table.values(), strict=True)] == total
