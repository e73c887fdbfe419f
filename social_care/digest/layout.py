"""From a `Digest` to a `Page`: which sections there are, in which order, under which head."""

from social_care.digest import layout_care, layout_voices, say
from social_care.digest.blocks import Page, Section
from social_care.digest.figures import Digest
from social_care.digest.window import stamp

NAME = "social-care digest"


def lay_out(digest: Digest) -> Page:
    """Put the figures into words and order; renderers only draw what this returns."""
    brands = ", ".join(digest.brands) or "no brand yet"
    sections = () if digest.quiet is not None else _sections(digest)
    now = say.when(digest.now, digest.window.zone, digest.window.since)
    return Page(
        title=brands,
        period=digest.window.say(),
        lead=(f"Replies and promises: of the cases whose first mention was posted in this window, as of {now}.",),
        sections=sections,
        foot=_foot(digest),
        foot_commands=(("this digest, and with --format json every figure in it", digest.foot.again),),
        quiet=quiet_line(digest) if digest.quiet is not None else None,
    )


def _sections(digest: Digest) -> tuple[Section, ...]:
    assert digest.kept_aside is not None
    found = (
        layout_care.glance(digest),
        layout_care.urgent(digest),
        layout_care.promises(digest),
        layout_voices.volume(digest),
        layout_voices.themes(digest),
        layout_voices.moods(digest),
        layout_voices.ratings(digest),
        layout_voices.praise(digest),
        layout_voices.hearing(digest),
        layout_voices.kept_aside(digest.kept_aside),
    )
    return tuple(section for section in found if section is not None)


def quiet_line(digest: Digest) -> str:
    """The whole digest of a window without a mention, in one line."""
    quiet = digest.quiet
    assert quiet is not None
    if quiet.newest is None:
        return "Quiet: no mention has been heard yet. Start with: social-care import --help"
    newest = digest.window.local(quiet.newest)
    line = f"Quiet: no mention since {newest.day} {newest:%b %Y}"
    if quiet.newest >= digest.window.until:
        line = f"Quiet then; newest {newest.day} {newest:%b %Y}"
    deaf = [row.name for row in digest.listeners if row.heard is not None and row.heard < 0.99]
    extra = [f"{quiet.waiting} (social-care inbox)"] if quiet.waiting else []
    extra += [f"not all was heard: {', '.join(deaf)} (social-care listener status)"] if deaf else []
    return "; ".join([line, *extra]) + f". See: {quiet.command}"


def _foot(digest: Digest) -> tuple[str, ...]:
    foot = digest.foot
    scorers = ", ".join(f"{name} ({count:,} mentions)" for name, count in foot.scorers.items()) or "none yet"
    policies = ", ".join(f"{name}@{version} ({count:,})" for name, version, count in foot.policies) or "none"
    sources = "; ".join(dict.fromkeys(line.cite() for line in foot.references))
    return (
        f"Scored by {scorers}.",
        f"Promises: {policies}.",
        f"Published figures are from {sources}.",
        f"What each figure means: {foot.definitions}. Read at {stamp(digest.now)}.",
    )
