"""Figures: every number of a small cohort worked out by hand, and what must hold for any."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from responders.metrics import report
from responders.survival import Curve, Waited
from storage.errors import ConfigError
from storage.reporting import CaseFact, ClockFact, HeardFact, MentionFact, ReplyFact

T0 = datetime(2026, 3, 2, tzinfo=UTC)
NOW = T0 + timedelta(hours=10)


def at(minutes: float) -> datetime:
    return T0 + timedelta(minutes=minutes)


def fact(
    number: int,
    opened: float = 0,
    *,
    replied: float | None = None,
    seen: float | None = None,
    target: float = 60,
    stopped: tuple[float, str] | None = None,
    next_clock: tuple[float, float | None] | None = None,
    **more: Any,
) -> CaseFact:
    """A case opened so many minutes after midnight, with a promise of `target` minutes."""
    seen = opened if seen is None else seen
    backfilled = bool(more.get("backfilled", False))
    stop = stopped or ((replied, "reply") if replied is not None else None)
    fields: dict[str, Any] = {
        "id": number, "brand": "Acme", "network": "x", "status": "open", "policy": "P2", "policy_version": "v1",
        "reply_needed": True, "complaint": False, "opened_at": at(opened), "first_seen_at": at(seen),
        "backfilled": False, "first_reply_at": None if replied is None else at(replied), "reply_time_known": True,
        "closed_at": None, "close_reason": None,
        "clocks": [
            ClockFact(
                "first_reply", "P2", "v1", int(target * 60), at(opened), at(seen), at(opened + target),
                None if backfilled else at(seen + target),
                None if stop is None else at(stop[0]), None if stop is None else stop[1],
            )
        ],
        "replies": () if replied is None else (ReplyFact(at(replied), True),),
        "mentions": (MentionFact(at(opened), at(seen), "acme-x", backfilled, True, None),),
    } | more  # fmt: skip
    if next_clock is not None:
        begin, end = next_clock
        fields["clocks"].append(
            ClockFact(
                "next_reply", "P2", "v1", 3600, at(begin), at(begin), at(begin + 60), at(begin + 60),
                None if end is None else at(end), None if end is None else "reply",
            )
        )  # fmt: skip
    return CaseFact(**(fields | {"clocks": tuple(fields["clocks"])}))


def quiet(number: int, opened: float = 0, **more: Any) -> CaseFact:
    """A case that needs no reply."""
    return fact(number, opened, **({"reply_needed": False, "clocks": [], "policy": ""} | more))


COHORT = [
    fact(1, replied=10),                                             # met
    fact(2, replied=60),                                             # met: exactly at the deadline
    fact(3, replied=90, complaint=True),                             # late
    fact(4, complaint=True),                                         # 600 minutes without an answer
    fact(5, 570),                                                    # pending, 30 minutes old
    fact(6, seen=120, replied=150),                                  # late when first seen; the team took 30
    fact(7, stopped=(20, "withdrawn"), status="withdrawn", closed_at=at(20)),
    fact(8, stopped=(30, "dismissed"), status="dismissed", closed_at=at(30)),
    fact(9, seen=5000, replied=40, backfilled=True),                 # history: no team clock
    quiet(10),
    quiet(11, replied=5, first_reply_at=at(5)),                      # praise we thanked for
]  # fmt: skip


def figures(facts: list[CaseFact] = COHORT, **more: Any) -> dict[str, Any]:
    return report(facts, now=NOW, **more).to_dict()["total"]


def test_the_response_rate_in_its_three_variants() -> None:
    rate = figures()["response_rate"]
    # reply-needed: 1 2 3 4 5 6 7 9; withdrawn: 7; answered of them: 1 2 3 6 9; all answered: those and 11
    assert (rate["reply_needed"], rate["withdrawn"], rate["answered_reply_needed"]) == (8, 1, 5)
    assert rate["value"] == 5 / 7
    assert (rate["answered"], rate["inbound"], rate["raw"]) == (6, 11, 6 / 11)
    assert (rate["dismissed"], rate["handled"]) == (1, 7 / 11)


def test_states_and_attainment_on_both_clocks() -> None:
    found = figures()
    assert found["states"] == {
        "pending": 1, "met": 3, "breached_open": 1, "breached_answered": 1, "breached_on_arrival": 1,
        "withdrawn": 1, "exempt": 1,
    }  # fmt: skip
    assert found["attainment"]["customer"] == {"value": 0.5, "met": 3, "total": 6, "pending": 1, "small": True}
    # the team met 1, 2 and 6; 9 is history
    assert found["attainment"]["team"] == {"value": 3 / 5, "met": 3, "total": 5, "pending": 1, "small": True}


def test_percentiles_count_the_unanswered() -> None:
    found = figures()["first_reply_seconds"]
    # waits in minutes: 10 20+ 30+ 40 60 90 150 600+ (+: left unanswered)
    # still waiting after 10: 7/8; after 40: 7/8*4/5=.7; after 60: .525; after 90: .35; after 150: .175
    assert (found["p50"], found["p75"]) == (90 * 60, 150 * 60)
    assert (found["p90"], found["p95"], found["age"]) == (None, None, 600 * 60)
    assert (found["n"], found["unanswered"]) == (8, 3)
    within = figures()["within"]
    assert within["900"] == pytest.approx(1 / 8)
    assert within["3600"] == pytest.approx(1 - 0.525)
    assert within["86400"] == pytest.approx(1 - 0.175)


def test_the_team_clock_starts_at_first_sight_and_knows_no_history() -> None:
    found = figures()["team_first_reply_seconds"]
    # 10 20+ 30 30+ 60 90 600+ (6 was seen at 120 and answered at 150); still waiting: 6/7, *4/5, *2/3 = .457
    assert (found["n"], found["unanswered"], found["p50"]) == (7, 3, 60 * 60)


def test_unanswered_complaints_past_due() -> None:
    assert figures()["unanswered_complaint_rate"] == {"value": 0.5, "unanswered": 1, "due": 2}


def test_detection_lag_leaves_history_out() -> None:
    lag = figures()["detection_lag_seconds"]["acme-x"]
    assert (lag["n"], lag["p50"], lag["p95"]) == (10, 0, pytest.approx(0.55 * 7200))


def test_nothing_at_all_is_no_rate_rather_than_a_perfect_one() -> None:
    found = figures([])
    assert found["attainment"]["customer"]["value"] is None
    assert found["response_rate"]["value"] is None
    assert found["first_reply_seconds"]["p50"] is None


def test_running_clocks_are_no_hits() -> None:
    found = figures([fact(1, 570), fact(2, 580)])
    assert found["attainment"]["customer"] == {"value": None, "met": 0, "total": 0, "pending": 2, "small": True}


def test_a_replay_forgets_what_came_after_the_cut() -> None:
    cut = figures(as_of=at(50))
    # case 5 is not posted yet; 1, 9 and 11 are answered; 7 was withdrawn, 8 dismissed
    assert cut["response_rate"]["inbound"] == 10
    assert cut["response_rate"]["answered"] == 3
    assert cut["states"]["pending"] == 4
    assert cut["states"]["met"] == 2
    assert figures(as_of=at(5))["response_rate"]["answered"] == 1


def test_dismissing_after_the_deadline_keeps_breach_and_denominator() -> None:
    found = figures([fact(1, stopped=(61, "dismissed"), status="dismissed", closed_at=at(61))])
    assert found["states"]["breached_open"] == 1
    assert found["response_rate"]["reply_needed"] == 1


def test_resolving_without_an_answer_is_not_answering() -> None:
    found = figures([fact(1, stopped=(30, "resolved"), status="resolved", closed_at=at(30))])
    assert (found["states"]["exempt"], found["response_rate"]["value"]) == (1, 0.0)


def test_a_reply_at_an_unknown_time_counts_for_the_rate_and_not_for_times() -> None:
    found = figures([fact(1, replied=0, reply_time_known=False, stopped=(0, "exempt")), fact(2, replied=30)])
    assert found["response_rate"]["value"] == 1.0
    assert (found["first_reply_seconds"]["n"], found["states"]["exempt"]) == (1, 1)


def test_the_customer_figure_stays_on_the_calendar_beside_business_hours() -> None:
    clock = COHORT[0].clocks[0]._replace(due_at=at(3000), stopped_at=at(90), stop_reason="reply")
    found = figures([fact(1, replied=90)._replace(clocks=(clock,))])
    assert found["attainment"]["customer"]["value"] == 0.0
    assert found["attainment"]["policy_hours"]["value"] == 1.0


def test_next_replies_have_their_own_times_and_attainment() -> None:
    found = figures([fact(1, replied=10, next_clock=(100, 130)), fact(2, replied=10, next_clock=(100, None))])
    assert found["next_reply"]["seconds"]["p50"] == 30 * 60
    assert found["next_reply"]["states"]["breached_open"] == 1
    assert found["next_reply"]["attainment"]["customer"]["value"] == 0.5


def test_resolution_with_and_without_waiting_for_the_customer() -> None:
    mentions = tuple(MentionFact(at(m), at(m), "acme-x", False, True, p) for m, p in ((0, -0.8), (130, 0.4)))
    case = fact(1, replied=10, status="resolved", closed_at=at(200), mentions=mentions)
    case = case._replace(replies=(ReplyFact(at(10), True), ReplyFact(at(150), True)))
    found = figures([case])
    assert found["resolution_seconds"]["calendar"]["p50"] == 200 * 60
    assert found["resolution_seconds"]["paused"]["p50"] == (200 - 120 - 50) * 60
    assert found["proxies"]["sentiment_recovery"] == {"value": pytest.approx(1.2), "n": 1}


def test_the_first_contact_proxy_waits_72_hours_before_it_claims_anything() -> None:
    case = fact(1, replied=10, status="resolved", closed_at=at(20))
    assert report([case], now=at(10 + 72 * 60 - 1)).total.figures["proxies"]["fcr"]["n"] == 0
    assert report([case], now=at(10 + 72 * 60)).total.figures["proxies"]["fcr"] == {"value": 1.0, "n": 1}
    more = case._replace(mentions=(*case.mentions, MentionFact(at(500), at(500), "x", False, True, None)))
    assert report([more], now=at(99_999)).total.figures["proxies"]["fcr"] == {"value": 0.0, "n": 1}


def test_days_are_those_of_the_reports_zone() -> None:
    facts = [fact(1, 0), fact(2, 17 * 60)]  # 17:00 UTC is 01:00 of the next day in Taipei
    found = report(facts, now=at(9999), by="day", zone=ZoneInfo("Asia/Taipei"))
    assert [group.name for group in found.groups] == ["2026-03-02", "2026-03-03"]
    assert [group.name for group in report(facts, now=at(9999), by="day").groups] == ["2026-03-02"]


def test_groups_by_brand_network_and_policy_add_up_to_the_total() -> None:
    facts = [*COHORT, fact(20, brand="Zeta", network="reddit", policy="P3", replied=3)]
    for by in ("brand", "network", "policy", "day"):
        found = report(facts, now=NOW, by=by)  # type: ignore[arg-type]
        assert sum(group.figures["n"] for group in found.groups) == found.total.figures["n"] == 12
    names = [group.name for group in report(facts, now=NOW, by="policy").groups]
    assert names == ["(no promise)", "P2", "P3"]


def test_coverage_is_the_share_of_the_window_that_was_truly_heard() -> None:
    heard = [
        HeardFact("acme-x", "x", at(0), at(60)),
        HeardFact("acme-x", "x", at(30), at(90)),
        HeardFact("silent", "x", at(-60), at(-30)),
    ]
    found = report([fact(1), fact(2)], now=NOW, since=at(0), until=at(120), heard=heard).to_dict()
    assert found["total"]["coverage"] == {"acme-x": 0.75, "silent": 0.0}
    assert report([fact(1)], now=NOW).total.figures["coverage"] == {"acme-x": None}


def test_the_header_says_what_is_counted_and_the_whole_is_json() -> None:
    found = report(COHORT, now=NOW, by="brand", since=at(-1), until=at(1000))
    text = json.dumps(found.to_dict(), allow_nan=False)
    assert json.loads(text)["policies"] == [{"name": "P2", "version": "v1"}]
    assert json.loads(text)["since"] == "2026-03-01T23:59:00+00:00"


@pytest.mark.parametrize("asked", [{"by": "author"}, {"since": NOW, "until": NOW}])
def test_impossible_reports_are_refused(asked: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        report([], now=NOW, **asked)


# --- the estimate --------------------------------------------------------------------------------------------

SECONDS = st.lists(st.integers(0, 10_000), min_size=1, max_size=60)


@settings(deadline=None, max_examples=60)
@given(SECONDS, st.sampled_from([50, 75, 90, 95]))
def test_without_censoring_percentiles_are_those_everybody_computes(seconds: list[int], percent: int) -> None:
    curve = Curve([Waited(float(s), over=True) for s in seconds])
    assert curve.percentile(percent) == pytest.approx(float(np.percentile(seconds, percent)))


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(st.integers(0, 500), st.booleans()), min_size=1, max_size=60))
def test_waiting_never_looks_shorter_than_among_the_answered_alone(waits: list[tuple[int, bool]]) -> None:
    curve = Curve([Waited(float(s), over=over) for s, over in waits])
    answered = [s for s, over in waits if over]
    for limit in (0, 50, 200, 499):
        share = curve.within(limit)
        assert share is not None
        assert 0 <= share <= 1
        if answered:
            assert share <= sum(s <= limit for s in answered) / len(answered) + 1e-9
    found = [curve.percentile(p) for p in (50, 75, 90, 95)]
    reached = [p for p in found if p is not None]
    assert reached == sorted(reached)
    assert found == [*reached, *[None] * (4 - len(reached))], "what is not reached stays not reached"


def test_kaplan_and_meiers_own_arithmetic() -> None:
    # remission times in weeks under 6-MP (Freireich 1963), the textbook example: the median is 23
    waits = [6, 6, 6, 7, 10, 13, 16, 22, 23], [6, 9, 10, 11, 17, 19, 20, 25, 32, 32, 34, 35]
    curve = Curve([Waited(t, True) for t in waits[0]] + [Waited(t, False) for t in waits[1]])
    assert curve.percentile(50) == 23
    assert curve.percentile(75) is None
    assert curve.within(10) == pytest.approx(1 - 0.753, abs=5e-4)
    assert curve.within(23) == pytest.approx(1 - 0.448, abs=5e-4)
