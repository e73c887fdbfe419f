"""What is wrong, or soon will be, with a set of saved replies."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

from responders.languages import normal_tag
from responders.lengths import LIMITS, length_for
from responders.saved_replies import SavedReply
from responders.templates import TemplateProblem, parse

NEAR_EXPIRY = timedelta(days=30)

_SAMPLE_HANDLE = "a_fifteen_chars"


@dataclass(frozen=True, slots=True)
class Finding:
    """Something `check` found. An `error` keeps the answer from being used."""

    level: str
    """`error`, `warning` or `note`."""
    code: str
    name: str
    language: str | None
    message: str
    path: Path | None = None
    line: int | None = None


def check(
    replies: Iterable[SavedReply],
    today: date,
    limits: Mapping[str, int] = LIMITS,
    *,
    languages: Iterable[str] = (),
    brand: str = "The Brand",
) -> list[Finding]:
    """What is wrong, or soon will be, with a set of saved replies; errors first.

    Args:
        replies: The set.
        today: The day expiry is compared with.
        limits: Longest answer by network. An answer that names no networks must fit them all.
        languages: Languages every answer should have; those in use in the set where empty.
        brand: The name to measure lengths with.
    """
    replies = tuple(replies)
    findings = [finding for reply in replies for finding in (*_dates(reply, today), *_texts(reply, limits, brand))]
    findings += _variants(replies, tuple(languages))
    order = {"error": 0, "warning": 1, "note": 2}
    return sorted(findings, key=lambda found: (order[found.level], found.name, found.language or "", found.code))


def _found(reply: SavedReply, level: str, code: str, message: str, line: int | None = None) -> Finding:
    return Finding(level, code, reply.name, reply.language, message, reply.path, line)


def _dates(reply: SavedReply, today: date) -> Iterator[Finding]:
    if not reply.owner:
        yield _found(reply, "warning", "no_owner", "nobody owns it; add owner = …")
    if reply.expires is None:
        yield _found(reply, "note", "no_expiry", "it never expires; add expires = … and it will be read again")
    elif reply.expired(today):
        yield _found(reply, "error", "expired", f"expired on {reply.expires}; read it again and set a later day")
    elif reply.expires - today <= NEAR_EXPIRY:
        yield _found(reply, "warning", "near_expiry", f"expires on {reply.expires}; read it again before")


def _texts(reply: SavedReply, limits: Mapping[str, int], brand: str) -> Iterator[Finding]:
    try:
        parse(reply.text)
    except TemplateProblem as problem:
        yield _found(reply, "error", "template", str(problem), reply.line + problem.line - 1)
        return
    networks = reply.when.networks or tuple(limits)
    for network in networks:
        limit = limits.get(network)
        if limit is None:
            continue
        values = {
            "brand": brand, "handle": _SAMPLE_HANDLE, "network": network, "case_id": "10000", "agent": "Alexandra",
            "url": "https://example.com/" + "x" * 30,
        }  # fmt: skip
        length = length_for(network, reply.render(values))
        if length > limit:
            message = (
                f"{length:,} of {limit:,} characters on {network}; shorten it, or leave {network} out of networks"
            )
            yield _found(reply, "warning", "too_long", message, reply.line)


def _variants(replies: Sequence[SavedReply], languages: tuple[str, ...]) -> Iterator[Finding]:
    wanted = [normal_tag(tag) for tag in languages] or sorted({reply.language for reply in replies})
    names: dict[str, set[str]] = {}
    for reply in replies:
        names.setdefault(reply.name, set()).add(reply.language)
    for name, has in sorted(names.items()):
        for language in wanted:
            if language not in has:
                message = f"not written in {language}; customers get {', '.join(sorted(has))} instead"
                yield Finding("warning", "no_variant", name, language, message)
