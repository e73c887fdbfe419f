"""The same digest in four formats: fitting, harmless whatever customers wrote, one line on a quiet day."""

import json
import re
from datetime import timedelta
from html.parser import HTMLParser

import pytest
from clock import NOW
from digest_world import SETTINGS, World, ago
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from social_care.digest.figures import Digest
from social_care.digest.layout import lay_out
from social_care.digest.links import safe_link
from social_care.digest.make import make_digest
from social_care.digest.render_markdown import plain
from social_care.digest.render_text import wrapped
from social_care.digest.window import last_day
from social_care.digest.write import ENDINGS, render
from storage.database import Database

HOUR = timedelta(hours=1)
FORMATS = tuple(ENDINGS)
HOSTILE = (
    "\x1b[31mred\x1b]0;title\x07 \x9b2J",
    '<script>alert(1)</script><img src=x onerror="alert(2)"><style>*{display:none}</style>',
    '=HYPERLINK("http://evil.example","click") outage',
    "\u202etxet desrever\u202c \u2066isolated\u2069 \u200f",
    "[click](javascript:alert(1)) ![x](http://evil.example/p.png) | a | b | `code` <http://evil.example>",
    "http://evil.example/track www.evil.example mailto:a@evil.example # not a heading",
    "{{ 7 * 7 }} {% include '/etc/passwd' %} ${jndi:ldap://x}",
    "a\nb\r\n# heading\n- item\n=formula\n\n> quote",
    "Z" + "\u0335\u0322\u0353" * 400 + "algo",
)


def digest_of(database: Database) -> Digest:
    """The digest of the last day."""
    return make_digest(database, SETTINGS, last_day(NOW, "UTC"), NOW)


@pytest.fixture
def hostile(sqlite_database: Database) -> Digest:
    """A digest in which every field a customer or a network can fill is hostile, and one text is 1 MB long."""
    world = World(sqlite_database)
    for number, text in enumerate(HOSTILE):
        world.say(
            text, ago(number + 1), mood="negative", target=HOUR, complaint=True, priority="P1", urgency=0.9,
            handle=f"{text[:200]}{number}", title=text[:300],
            url=("javascript:alert(1)", "https://ok.example/x")[number % 2],
            network=("x", "<b>net</b>\x1b[0m")[number % 2], lang="<i>\x1b", listener="\x1b[2J<u>ear</u>",
            factors=[{"name": "<b>\x1b[1mreason</b>", "points": 0.4, "evidence": text}], rating=1,
        )  # fmt: skip
    world.say("断网了" * 350_000, ago(3), mood="negative", target=HOUR, priority="P1", urgency=1.0)
    for number in range(4):
        words = f"<b>kaputt</b>\x1b[5m number {number}"
        world.say(words, ago(2, number), mood="negative", title="\x1b]8;;http://evil.example\x07")
        world.say(
            f"so lovely, thank you <script>{number}", ago(5, number), mood="positive", handle="<i>fan</i>\x1b"
        )
    world.hear("\x1b[2J<u>ear</u>", ago(20), ago(19), "gap", "<b>because</b>\x1b[1m")
    return digest_of(sqlite_database)


def test_no_format_passes_a_control_or_direction_character_on(hostile: Digest) -> None:
    unsafe = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u206f\ufeff]")
    for form in FORMATS:
        found = unsafe.search(render(hostile, form))
        assert found is None, (form, found)


def test_a_megabyte_of_text_stays_a_short_quotation(hostile: Digest) -> None:
    for form in FORMATS:
        text = render(hostile, form)
        assert len(text) < 200_000
        assert "断网了" * 200 not in text


class Reader(HTMLParser):
    """Collects what a browser would make of the page."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: list[tuple[str, str, str]] = []
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def read(html: str) -> Reader:
    """The parsed page."""
    reader = Reader()
    reader.feed(html)
    return reader


ALLOWED = {
    *("html", "head", "meta", "title", "style", "body", "div", "span", "header", "section", "footer"),
    *("h1", "h2", "p", "table", "thead", "tbody", "tr", "th", "td", "a", "bdi", "blockquote", "code", "ol", "li"),
}


def test_the_html_page_holds_only_our_own_tags_and_nothing_that_runs_or_loads(hostile: Digest) -> None:
    html = render(hostile, "html")
    page = read(html)
    assert page.tags <= ALLOWED
    assert not [
        item for item in page.attributes if item[1].startswith("on") or item[1] in ("src", "srcset", "background")
    ]
    policy = next(
        value for tag, name, value in page.attributes if tag == "meta" and value.startswith("default-src")
    )
    assert policy.startswith("default-src 'none'")
    style = html[html.index("<style>") : html.index("</style>")]
    assert "url(" not in style
    assert "@import" not in style
    assert "<script>alert(1)</script>" in "".join(page.text)


def test_the_html_page_links_only_to_web_pages_and_tells_them_nothing(hostile: Digest) -> None:
    page = read(render(hostile, "html"))
    links = {value for _, name, value in page.attributes if name == "href"}
    assert {link for link in links if not link.startswith("#")} == {"https://ok.example/x"}
    outside = [item for item in page.attributes if item[0] == "a" and item[1] == "rel"]
    assert outside
    assert all(value == "noopener noreferrer" for _, _, value in outside)


def test_customers_words_choose_their_own_direction_and_touch_no_others(hostile: Digest) -> None:
    page = read(render(hostile, "html"))
    assert ("blockquote", "dir", "auto") in page.attributes
    assert "bdi" in page.tags


def test_nothing_in_markdown_becomes_markup(hostile: Digest) -> None:
    text = re.sub(r"```sh\n.*?\n```", "", render(hostile, "markdown"), flags=re.DOTALL)
    text = re.sub(r'<a id="c\d+"></a>', "", text).replace("](<https://ok.example/x>)", "")
    assert not re.search(r"(?<!\\)<(?!br)[a-z/!]", text)
    assert not re.search(r"(?i)(?<!\\)\]\((?!#c\d+\))", text)
    assert not re.search(r"(?i)\b(https?|javascript)://", text)
    assert "www." not in text
    assert not re.search(r"(?m)^(=|# heading|- item\b)", text)


def test_every_line_of_the_text_fits_eighty_columns(hostile: Digest) -> None:
    lines = render(hostile, "text").splitlines()
    assert max(cell_len(line) for line in lines) <= 80
    assert not [line for line in lines if line.startswith(("=", "@"))]


def test_wide_characters_count_twice_when_lines_are_cut(sqlite_database: Database) -> None:
    world = World(sqlite_database)
    for number in range(4):
        world.say(
            f"第{number}次了，网络一直断网，客服说会处理但是三天过去了还没有任何消息" * 3, ago(number + 1),
            mood="negative", target=HOUR, lang="zh-Hans", handle="用户名字非常非常长的一个人", network="论坛",
        )  # fmt: skip
    lines = render(digest_of(sqlite_database), "text").splitlines()
    assert max(cell_len(line) for line in lines) <= 80
    assert any("断网" in line for line in lines)


@settings(deadline=None)
@given(st.text(max_size=300), st.integers(8, 100), st.integers(0, 4))
def test_wrapping_keeps_every_visible_character_and_the_width(text: str, width: int, hang: int) -> None:
    text = " ".join(text.split())
    lines = wrapped(text, width, hang)
    assert all(cell_len(line) <= width for line in lines)
    assert "".join("".join(lines).split()) == "".join(text.split())


@settings(deadline=None)
@given(st.text(max_size=80))
def test_plain_markdown_is_one_line_without_bare_markup(text: str) -> None:
    made = plain(text)
    assert "\n" not in made
    assert not re.search(r"(?<!\\)[<*_`|\[]", re.sub(r"\\\\", "", made))


@pytest.mark.parametrize(
    "url",
    ["javascript:alert(1)", "data:text/html,x", "https://user:pw@evil.example/", "//evil.example", "https://",
     "ftp://a.b", 'https://a.b/"onclick=x', "https://a.b/\u202egpj", "http://[bad", "https://a.b/ c", None, "",
     "https://a.b/" + "x" * 3000],
)  # fmt: skip
def test_only_plain_web_addresses_are_linked(url: str | None) -> None:
    assert safe_link(url) is None


def test_a_web_address_is_linked_as_it_is() -> None:
    assert safe_link("https://x.example/a/status/1?b=c&d=e#f") == "https://x.example/a/status/1?b=c&d=e#f"


def test_json_holds_every_figure_with_its_command(hostile: Digest) -> None:
    made = json.loads(render(hostile, "json"))
    assert made["schema"] == 1
    assert made["quiet_day"] is False
    assert made["counts"]["mentions"] == hostile.counts.mentions
    assert made["window"]["since"] == hostile.window.since.isoformat()
    assert made["promises"]["command"].startswith("social-care --now 2026-03-02T12:00Z sla report ")


def test_a_quiet_day_is_one_line_in_every_format_for_reading(sqlite_database: Database) -> None:
    World(sqlite_database).say("long ago", ago(24 * 400))
    quiet = digest_of(sqlite_database)
    line = "Quiet: no mention since 26 Jan 2025. See: social-care digest --date 2025-01-26"
    assert render(quiet, "text") == line + "\n"
    assert len(line) <= 80
    assert render(quiet, "markdown").count("\n") == 1
    page = read(render(quiet, "html"))
    assert "".join(page.text).count(line) == 1
    assert "h2" not in page.tags
    assert json.loads(render(quiet, "json"))["quiet_day"] is True


def test_an_empty_workspace_says_where_to_start(sqlite_database: Database) -> None:
    assert render(digest_of(sqlite_database), "text") == (
        "Quiet: no mention has been heard yet. Start with: social-care import --help\n"
    )


def test_a_quiet_day_still_tells_of_overdue_cases_and_deaf_listeners(sqlite_database: Database) -> None:
    world = World(sqlite_database)
    world.say("nobody answers", ago(24 * 3), target=HOUR)
    world.hear("acme-x", ago(24), ago(6))
    text = render(digest_of(sqlite_database), "text")
    assert text.count("\n") == 1
    assert "1 open case, 1 past due (social-care inbox)" in text
    assert "not all was heard: acme-x (social-care listener status)" in text


def test_no_percentage_of_nothing_and_a_flag_on_few(sqlite_database: Database) -> None:
    world = World(sqlite_database)
    world.say("how do I reset it", ago(minutes=5), target=HOUR)
    text = render(digest_of(sqlite_database), "text")
    assert "100 %" not in text.split("── What was heard")[0]
    assert re.search(r"replies in time, from posting +– +– +90 %", text)
    world.say("answered at once", ago(3), target=HOUR, replied_at=ago(2.9))
    assert re.search(
        r"replies in time, from posting +100 % of 1 \(few\)", render(digest_of(sqlite_database), "text")
    )


def test_a_percentile_that_was_not_reached_is_printed_as_longer(sqlite_database: Database) -> None:
    world = World(sqlite_database)
    world.say("nobody answers", ago(5), target=HOUR)
    assert re.search(r"customer: from posting +> 5h 00m +> 5h 00m", render(digest_of(sqlite_database), "text"))


def test_every_section_names_the_commands_behind_it(hostile: Digest) -> None:
    page = lay_out(hostile)
    without = [section.title for section in page.sections if not section.commands]
    assert without == ["Themes"]  # each theme carries its own
