"""Read a draft once more before a person approves it: warnings with the words they rest on, never a refusal.

The rules know English, simplified and traditional Chinese. A warning says what may go wrong and what to do.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

from responders import lint_patterns
from responders.languages import chinese_variant, normal_tag, script_of, written_in
from responders.lengths import length_for, limit_for
from responders.private_data import find_private


@dataclass(frozen=True, slots=True)
class LintContext:
    """What the draft answers, and where it will stand."""

    network: str
    kind: str = "post"
    """Kind of the mention; `dm` is not public."""
    language: str = "und"
    """The customer's language."""
    customer_text: str = ""
    signals: frozenset[str] = frozenset()
    """Signals of the case, such as safety and legal."""
    links: frozenset[str] = frozenset()
    """Hosts the brand may link to; a host stands for its subdomains too."""
    contacts: frozenset[str] = frozenset()
    """The brand's own mail addresses and phone numbers, which may stand in public."""
    stale: str | None = None
    """What changed since the draft was written, or None."""

    @property
    def public(self) -> bool:
        """Anybody can read the answer."""
        return self.kind != "dm"


@dataclass(frozen=True, slots=True)
class LintWarning:
    """One thing to look at. `start` and `end` point into the draft; both are 0 where it is about the whole."""

    code: str
    message: str
    start: int = 0
    end: int = 0


LIABILITY_SIGNALS = frozenset({"safety", "legal", "fraud_or_account"})
"""Where an admission may cost the brand dearly: a person decides on the words."""

SHORTENERS = frozenset({"bit.ly", "t.co", "tinyurl.com", "goo.gl", "ow.ly", "is.gd", "buff.ly", "t.cn", "url.cn"})

_KINDS = {
    "email": "a mail address",
    "phone": "a phone number",
    "card": "a card number",
    "identity": "an identity number",
    "order": "an order or account number",
}


def lint(text: str, context: LintContext) -> tuple[LintWarning, ...]:
    """All warnings about a draft, gravest rule first."""
    return tuple(warning for rule in _RULES for warning in rule(text, context))


def _stale(_text: str, context: LintContext) -> Iterator[LintWarning]:
    if context.stale:
        yield LintWarning("stale", f"{context.stale} since this was written: read the thread again")


def _hidden(text: str, _context: LintContext) -> Iterator[LintWarning]:
    for found in lint_patterns.HIDDEN.finditer(text):
        yield LintWarning(
            "hidden_character",
            f"the invisible character U+{ord(found.group()):04X} stands at {found.start() + 1}: remove it",
            *found.span(),
        )


def _placeholders(text: str, _context: LintContext) -> Iterator[LintWarning]:
    for found in lint_patterns.PLACEHOLDER.finditer(text):
        yield LintWarning("placeholder", f"“{found.group()}” looks like a gap left to fill", *found.span())


def _length(text: str, context: LintContext) -> Iterator[LintWarning]:
    limit = limit_for(context.network, context.kind)
    length = length_for(context.network, text)
    if limit is not None and length > limit:
        yield LintWarning(
            "too_long",
            f"{length:,} of {limit:,} characters on {context.network}: shorten it by {length - limit:,}",
        )


def _secrets(text: str, context: LintContext) -> Iterator[LintWarning]:
    """A public question for a secret invites scammers, and a customer to print it for all to read."""
    for sentence in lint_patterns.SENTENCE.finditer(text):
        words = sentence.group()
        if not lint_patterns.ASKING.search(words) or lint_patterns.NOT_ASKING.search(words):
            continue
        if found := lint_patterns.SECRET.search(words):
            where = "in public" if context.public else "even in a direct message"
            yield LintWarning(
                "asks_secret",
                f"asks for “{found.group()}” {where}: never ask for it",
                sentence.start() + found.start(),
                sentence.start() + found.end(),
            )
        elif (
            context.public
            and not lint_patterns.PRIVATE_CHANNEL.search(words)
            and (found := lint_patterns.CONTACT.search(words))
        ):
            yield LintWarning(
                "asks_private_detail",
                f"asks for “{found.group()}” in public: ask for a direct message instead",
                sentence.start() + found.start(),
                sentence.start() + found.end(),
            )


def _private(text: str, context: LintContext) -> Iterator[LintWarning]:
    theirs = {found.value for found in find_private(context.customer_text)}
    ours = {re.sub(r"[ ().-]", "", contact).lower() for contact in context.contacts} | context.contacts
    for found in find_private(text):
        if found.value in ours or found.value.lower() in ours or re.sub(r"[.-]", "", found.value) in ours:
            continue
        if not context.public and found.kind not in {"card", "identity"}:
            continue
        what = _KINDS[found.kind]
        whose = "the customer's own" if found.value in theirs else "make sure it is not the customer's"
        yield LintWarning("private_data", f"holds {what} ({whose}): leave it out", found.start, found.end)


def _links(text: str, context: LintContext) -> Iterator[LintWarning]:
    for found in lint_patterns.LINK.finditer(text):
        host = _host(found.group())
        if host is None:
            why = "is not a plain address: write it out"
        elif host in SHORTENERS:
            why = "is shortened, nobody sees where it leads: write the full address"
        elif not any(host == own or host.endswith("." + own) for own in context.links):
            why = "is not on the brand's list of links: check where it leads"
        elif found.group().lower().startswith("http://"):
            why = "is not encrypted: use https"
        else:
            continue
        yield LintWarning("link", f"{found.group()[:60]} {why}", *found.span())


def _language(text: str, context: LintContext) -> Iterator[LintWarning]:
    wanted = normal_tag(context.language)
    script = written_in(text)
    if wanted == "und" or script is None:
        return
    if script != script_of(wanted):
        yield LintWarning("language", f"the customer writes {wanted}, the draft is in another script")
        return
    variant = chinese_variant(text) if script == "han" else None
    # Traditional Chinese is what Cantonese readers expect in writing.
    reads = {"yue": {"yue", "zh-Hant"}, "zh-Hant": {"zh-Hant"}, "zh-Hans": {"zh-Hans"}}.get(wanted)
    if variant is not None and reads is not None and variant not in reads:
        yield LintWarning("language", f"the customer writes {wanted}, the draft is in {variant}")


def _liability(text: str, context: LintContext) -> Iterator[LintWarning]:
    if not context.signals & LIABILITY_SIGNALS:
        return
    for found in lint_patterns.ADMISSION.finditer(text):
        which = ", ".join(sorted(context.signals & LIABILITY_SIGNALS))
        yield LintWarning(
            "liability", f"“{found.group()}” admits blame in a case of {which}: let a lead read it", *found.span()
        )


def _promises(text: str, _context: LintContext) -> Iterator[LintWarning]:
    for found in lint_patterns.PROMISE.finditer(text):
        yield LintWarning("promise", f"“{found.group()}” is a promise: can it be kept?", *found.span())


def _shouting(text: str, _context: LintContext) -> Iterator[LintWarning]:
    words = [word for word in lint_patterns.LATIN_WORD.findall(text) if len(word) > 1]
    loud = [word for word in words if word.isupper()]
    if len(loud) >= 4 and len(loud) * 2 > len(words):
        yield LintWarning("shouting", "most words are in capitals: that reads as shouting")


def _host(link: str) -> str | None:
    try:
        parts = urlsplit(link)
        host = parts.hostname
    except ValueError:
        return None
    if not host or "@" in parts.netloc or not host.isascii() or "xn--" in host:
        return None
    return host.lower().rstrip(".")


_RULES: tuple[Callable[[str, LintContext], Iterator[LintWarning]], ...] = (
    _stale,
    _secrets,
    _private,
    _hidden,
    _placeholders,
    _liability,
    _links,
    _language,
    _length,
    _promises,
    _shouting,
)
