"""The published figures of 27,702 real replies, recomputed through store, triage and report.

The data is not part of the project: set SOCIAL_CARE_DATA to the folder that holds `sla/support_reply_pairs.csv`.
"""

import csv
import os
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest
from clock import NOW

from responders.care import TriageRules, triage_batch
from responders.metrics import Report, report
from responders.sla import PolicySet, default_policies
from storage.database import Database
from storage.ingest import store_page
from storage.models import AuthorData, MentionData
from storage.pages import Page
from storage.reporting import CaseFact, case_facts

FOLDER = os.environ.get("SOCIAL_CARE_DATA")
PAGE = 2_000

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not FOLDER, reason="SOCIAL_CARE_DATA names no data folder"),
    pytest.mark.timeout(600),
]

GOLDEN = {
    "all": (26_420, 1_447.5, 28_371.3, 0.6635),
    "AppleSupport": (3_091, 1_902, 21_150, 0.7211),
    "SpotifyCares": (1_307, 1_687, 8_103.2, 0.7016),
    "Tesco": (1_131, 4_133, 18_584, 0.4545),
    "British_Airways": (1_049, 7_989, 30_913.2, 0.1506),
}


def pairs() -> Iterator[MentionData]:
    """Each customer's post once, and every reply to it."""
    seen = set()
    with (Path(str(FOLDER)) / "sla" / "support_reply_pairs.csv").open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            post, brand = row["customer_tweet_id"], row["agent_id"]
            if (post, brand) not in seen:
                seen.add((post, brand))
                customer = AuthorData(native_id=row["customer_id"], handle=row["customer_id"])
                at = datetime.fromisoformat(row["created_at_customer"])
                yield MentionData(network="x", native_id=post, brand=brand, author=customer, posted_at=at)
            yield MentionData(
                network="x",
                native_id=row["reply_tweet_id"],
                brand=brand,
                author=AuthorData(native_id=brand, handle=brand),
                posted_at=datetime.fromisoformat(row["created_at_reply"]),
                parent_native_id=post,
                is_ours=True,
            )


@pytest.fixture(scope="module")
def facts(tmp_path_factory: pytest.TempPathFactory) -> list[CaseFact]:
    from storage.database import open_database

    database = open_database(f"sqlite:///{tmp_path_factory.mktemp('golden') / 'g.db'}")
    database.upgrade()
    fill(database)
    with database.read() as session:
        return case_facts(session)


def fill(database: Database) -> None:
    mentions = list(pairs())
    policies, rules = PolicySet.of(default_policies()), TriageRules()
    for start in range(0, len(mentions), PAGE):
        with database.write() as session:
            page = Page(mentions=mentions[start : start + PAGE], backfilled=True)
            stored = store_page(session, page, listener="pairs", network="x", now=NOW)
            triage_batch(session, stored.ids, policies, rules, NOW)


def groups(found: Report) -> dict[str, dict]:
    return {group.name: group.to_dict() for group in (found.total, *found.groups)}


def test_the_published_figures_come_out(facts: list[CaseFact]) -> None:
    found = groups(report(facts, by="brand", now=NOW))
    for name, (n, median, p90, hour) in GOLDEN.items():
        group = found[name]
        assert group["n"] == group["first_reply_seconds"]["n"] == n
        assert group["first_reply_seconds"]["p50"] == pytest.approx(median)
        assert group["first_reply_seconds"]["p90"] == pytest.approx(p90)
        assert round(group["within"]["3600"], 4) == pytest.approx(hour)
    assert round(found["all"]["within"]["900"], 4) == 0.4042
    assert round(found["all"]["within"]["86400"], 4) == 0.9603
    assert found["all"]["response_rate"]["value"] == 1.0
    assert found["all"]["attainment"]["team"]["value"] is None, "history is on no team clock"


def test_a_replay_shows_the_open_and_the_breached(facts: list[CaseFact]) -> None:
    cut = datetime.fromisoformat("2017-11-01T12:00:00+00:00")
    total = report(facts, now=NOW, as_of=cut).total.to_dict()
    known = [fact for fact in facts if fact.opened_at <= cut]
    answered = [fact for fact in known if fact.first_reply_at is not None and fact.first_reply_at <= cut]
    assert 0 < len(answered) < len(known)
    assert total["response_rate"]["value"] == pytest.approx(len(answered) / len(known))
    assert total["states"]["pending"] + total["states"]["breached_open"] == len(known) - len(answered)
    full = report(known, now=NOW).total.to_dict()
    assert total["first_reply_seconds"]["unanswered"] == len(known) - len(answered)
    assert total["first_reply_seconds"]["p50"] == pytest.approx(full["first_reply_seconds"]["p50"], rel=0.2)
