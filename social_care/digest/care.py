"""What there is to do and how promises were kept. Every figure is the report's or the inbox's own."""

from collections.abc import Mapping
from typing import Any

from responders.metrics import Report
from social_care.digest import commands
from social_care.digest.figures import Counts, Elapsed, Promises, Share, UrgentCase
from social_care.digest.scope import Scope
from social_care.digest.window import Window, stamp
from storage import digest_queries as ask
from storage.inbox import InboxFilter, InboxRow, inbox, inbox_counts

MOST_URGENT = 6


def report_command(scope: Scope, window: Window, *flags: str) -> str:
    """The command that prints the report of a window as of the digest's time."""
    words = [*flags, "sla", "report", "--since", stamp(window.since), "--until", stamp(window.until)]
    return commands.command(*words, *scope.brand_words(), now=scope.now)


def counts(scope: Scope, cohort: Report) -> Counts:
    """Mentions and cases of the window; open, at risk and past due as of now."""
    waiting = inbox_counts(scope.session, now=scope.now, where=InboxFilter(brand=scope.brand))
    asleep = inbox_counts(scope.session, now=scope.now, where=InboxFilter(brand=scope.brand, snoozed=True))
    return Counts(
        mentions=ask.mention_count(scope.session, scope.window.since, scope.window.until, scope.brand_ids),
        mentions_before=ask.mention_count(scope.session, scope.before.since, scope.before.until, scope.brand_ids),
        new_cases=cohort.total.figures["n"],
        new_reply_needed=cohort.total.figures["response_rate"]["reply_needed"],
        open=waiting.total,
        at_risk=waiting.at_risk,
        breached=waiting.breached,
        snoozed=asleep.total,
        mentions_command=commands.count(scope.window, scope.brand_ids),
        cases_command=report_command(scope, scope.window),
        open_command=commands.inbox(scope.brand, now=scope.now),
    )


def promises(scope: Scope, cohort: Report, before: Report) -> Promises:
    """Answers and promises of the window beside those of the window before, both as they stand now."""
    here, there = cohort.total.figures, before.total.figures
    customer, team = here["first_reply_seconds"], here["team_first_reply_seconds"]
    attained, earlier = here["attainment"], there["attainment"]
    rate, rate_before = here["response_rate"], there["response_rate"]
    sore, sore_before = here["unanswered_complaint_rate"], there["unanswered_complaint_rate"]
    return Promises(
        cases=here["n"],
        attainment_customer=_share(attained["customer"], "total", earlier["customer"]),
        attainment_team=_share(attained["team"], "total", earlier["team"]),
        goal=scope.settings.goals.attainment,
        states=dict(here["states"]),
        pending=attained["customer"]["pending"],
        p50=_elapsed(customer, "p50"),
        p90=_elapsed(customer, "p90"),
        team_p50=_elapsed(team, "p50"),
        team_p90=_elapsed(team, "p90"),
        within=dict(here["within"]),
        response_rate=Share(rate["value"], _owed(rate), rate_before["value"], _owed(rate_before)),
        response_raw=rate["raw"],
        response_handled=rate["handled"],
        response_goal=scope.settings.goals.response_rate,
        unanswered_complaints=_share(sore, "due", sore_before),
        command=report_command(scope, scope.window),
        before_command=report_command(scope, scope.before),
    )


def _share(figure: Mapping[str, Any], whole: str, before: Mapping[str, Any]) -> Share:
    return Share(figure["value"], figure[whole], before["value"], before[whole])


def _owed(rate: Mapping[str, Any]) -> int:
    """Cases that needed a reply and were not withdrawn."""
    return int(rate["reply_needed"]) - int(rate["withdrawn"])


def _elapsed(curve: Mapping[str, float | int | None], percentile: str) -> Elapsed:
    """The percentile, or the longest wait seen where too few were answered to reach it."""
    seconds = curve[percentile]
    return Elapsed(seconds) if seconds is not None else Elapsed(curve["age"], reached=False)


def urgent(scope: Scope) -> tuple[UrgentCase, ...]:
    """The head of the inbox."""
    rows = inbox(scope.session, now=scope.now, where=InboxFilter(brand=scope.brand), limit=MOST_URGENT)
    return tuple(_urgent(row) for row in rows)


def _urgent(row: InboxRow) -> UrgentCase:
    from sentiment.levels import in_short

    names = in_short(reason for reason in row.reasons if float(reason.get("points") or 0) > 0)
    return UrgentCase(
        id=row.id,
        network=row.network,
        brand=row.brand,
        handle=row.author,
        priority=row.priority,
        urgency=row.urgency,
        sentiment=row.sentiment,
        state=row.state,
        reasons=tuple(name for name in names if name != "base")[:4] or (row.reply_reason,),
        opened_at=row.opened_at,
        due_at=row.due_at,
        snippet=one_text(row.title, row.text)[:400],
        url=row.url,
        assigned_to=row.assigned_to,
        command=commands.command("case", "show", str(row.id)),
    )


def one_text(title: str | None, text: str) -> str:
    """Title and text as one, with a full stop between them where there is none."""
    if not title or text.startswith(title):
        return text
    return f"{title}{' ' if title[-1] in '.!?。！？…' else '. '}{text}"


def urgent_command(scope: Scope) -> str:
    """The command that shows the same cases in the same order."""
    return commands.inbox(scope.brand, "--limit", str(MOST_URGENT), now=scope.now)
