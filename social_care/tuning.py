"""`model tune`: from the corrections of a workspace to a model of its own, or to the reason why not.

The order is always the same: what may be used, what is kept back to measure with, what is learned, and a
comparison with the model in use on texts neither was trained on. Only a model that is not worse gets a name.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from sentiment.tuned import candidate
from social_care.gold import GOLD_FILE, Cut, Gold, bundled_gold, cut_gold, gold_from_file, in_quarter
from social_care.learning import REPLY, learn
from social_care.measuring import measure
from social_care.pipeline import text_of
from social_care.tuned_models import base_folder, load_scorer, models_folder, say_base
from social_care.workspace import Workspace
from storage.corrections import uncorrected
from storage.errors import SocialCareError
from storage.text import text_hash

if TYPE_CHECKING:
    from sentiment.paired import Comparison
    from sentiment.tuned import Candidate
    from storage.corrections import Correction, Corrections

RESTRICTED = frozenset({"x"})
"""Networks whose terms forbid training models on their posts; left out unless a person says otherwise."""
LEAST = 40
"""Corrections of a field from which on its head is tuned; a quarter of them is kept back to measure with."""
LEAST_GOLD = 8
"""Texts a gold set needs to say anything."""
MOST_ANCHORS = 2_000

Advance = Callable[[int], object]


class NotEnough(SocialCareError):
    """There are too few corrections to learn from or to measure with; the message says how many are needed."""


@dataclass
class Tuned:
    """What a tuning did, or would do.

    Attributes:
        name: What the model is, or would be, called.
        base: The model it was tuned from.
        compared_with: The model in use, against which it was measured.
        accepted: Whether it is not worse.
        dry_run: Whether nothing was written whatever came out.
        path: Where it stands; None unless it was accepted and written.
        corrections: Of each field: `given`, `learned`, `kept_back`, `overruled`, and `by_network`.
        left_out: What was not used, and how many: by network, deleted, unreadable.
        waiting: Corrections that hash into the gold set but came after it was cut; see `--extend-gold`.
        gold_cut_at: When the gold set was cut.
        untuned: Fields whose corrections taught nothing: too few, or no head of this model speaks of them.
        anchors: Texts nobody corrected that were mixed in: `own` posts, and those of the package.
        strength: Of each tuned field: the penalty chosen.
        comparisons: Old and new on every gold set.
        urgency_order: Pairs whose urgency is in a person's order; None where people gave too few.
        fallen: Why it was refused; empty when it was accepted.
    """

    name: str
    base: str
    compared_with: str
    accepted: bool = False
    dry_run: bool = False
    path: str | None = None
    corrections: dict[str, dict[str, Any]] = field(default_factory=dict)
    left_out: dict[str, int] = field(default_factory=dict)
    waiting: int = 0
    gold_cut_at: str | None = None
    untuned: dict[str, int] = field(default_factory=dict)
    anchors: dict[str, int] = field(default_factory=dict)
    strength: dict[str, float] = field(default_factory=dict)
    comparisons: "list[Comparison]" = field(default_factory=list)
    urgency_order: dict[str, Any] | None = None
    fallen: list[str] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)


def tune(
    workspace: Workspace,
    name: str,
    *,
    now: datetime,
    actor: str,
    gold_file: Path | None = None,
    allow: Collection[str] = (),
    extend_gold: bool = False,
    dry_run: bool = False,
    advance: Advance = lambda _: None,
) -> Tuned:
    """Tune the model in use to what people corrected, and let it stand if it is not worse.

    Args:
        workspace: Whose corrections.
        name: What to call the model.
        now: The time it is.
        actor: Who asked for it.
        gold_file: Labelled texts of the user, to measure on beside what is kept back.
        allow: Networks whose posts may be used although their terms restrict it; added to the configured ones.
        extend_gold: Take later corrections that hash into the gold set into it.
        dry_run: Compute everything, write nothing.
        advance: Told of each of `STEPS` steps.

    Raises:
        NotEnough: Too few corrections.
        ModelError: The model in use cannot be tuned, or the name is taken.
        EvaluationError: The gold file cannot be used.
    """
    from storage.corrections import corrections

    check_free(workspace, name)
    without = RESTRICTED - {*allow, *workspace.settings.tuning.allow_networks}
    with workspace.database.read() as session:
        found = corrections(session, without=without)
    gold = gold_from_file(gold_file) if gold_file is not None else None
    cut = cut_gold(models_folder(workspace) / GOLD_FILE, found.rows, now, extend=extend_gold)
    training = _to_learn(found.rows, gold)
    base = base_folder(workspace)
    heads = _tunable_heads(base)
    chosen = {field: heads[field] for field in _enough(found, training, cut, heads, has_file=gold is not None)}
    report = Tuned(name, say_base(base), workspace.scorer.name, dry_run=dry_run)
    report.corrections, report.left_out = _counts(found, training, cut), _left_out(found)
    report.waiting, report.gold_cut_at = len(cut.waiting), cut.cut_at
    report.untuned = {f: len(rows) for f, rows in _by_field(training).items() if f not in chosen}
    advance(1)
    with workspace.database.read() as session:
        words = uncorrected(session, MOST_ANCHORS, without=without)
    by_field = {name: rows for name, rows in _by_field(training).items() if name in chosen}
    learned = learn(load_scorer(workspace, base), base, chosen, by_field, words, advance)
    report.anchors, report.strength = learned.anchors, learned.strengths
    golds = [one for one in (gold, cut.gold(), bundled_gold()) if one is not None]
    with ExitStack() as stack:
        models = stack.enter_context(_place(workspace, dry_run=dry_run))
        facts = adapted(report, base, golds, now, actor)
        made = stack.enter_context(candidate(base, models, name, learned.head, facts))
        _judge(workspace, made, golds, chosen, report)
        advance(1)
        if report.accepted and not dry_run:
            if cut.fresh:  # before the model stands: what it was measured on is never trained on from then on
                cut.write(models / GOLD_FILE)
            made.accept(made.card | {"adapted": adapted(report, base, golds, now, actor)})
            _record(workspace, report, now, actor)
    return report


STEPS = 12
"""How often `tune` tells that it got on."""


def _to_learn(rows: "Sequence[Correction]", gold: Gold | None) -> "list[Correction]":
    """What may be trained on: no text of a gold set, nor a copy of one."""
    measured = {text_hash(item.text) for item in gold.items} if gold is not None else set()
    texts = [(row, text_of(row.title, row.text)) for row in rows]
    return [row for row, text in texts if not in_quarter(text) and text_hash(text) not in measured]


def _by_field(rows: "Sequence[Correction]") -> "dict[str, list[Correction]]":
    found: dict[str, list[Correction]] = {}
    for row in rows:
        found.setdefault(row.field, []).append(row)
    return found


def _tunable_heads(base: Path) -> dict[str, int | None]:
    """The fields a head of this model speaks of; with the row of `heads.weight`, None for the classifier.

    Raises:
        ModelError: Its classes are not the three sentiments.
    """
    from sentiment.card import read_card, read_json
    from sentiment.labels import class_of_each, names_in_order
    from sentiment.ports import ModelError

    classes = class_of_each(names_in_order(read_json(base / "config.json")))
    if sorted(classes) != [0, 1, 2]:
        raise ModelError(
            f"the model in {base} does not tell negative, neutral and positive apart; it cannot be tuned"
        )
    heads = list(read_card(base).get("heads") or ())
    return {"sentiment": None} | ({REPLY: heads.index(REPLY)} if REPLY in heads else {})


def _enough(
    found: "Corrections",
    training: "Sequence[Correction]",
    cut: Cut,
    heads: Mapping[str, int | None],
    *,
    has_file: bool,
) -> list[str]:
    """The fields with enough corrections to tune a head.

    Raises:
        NotEnough: There is none.
    """
    given, learned, kept = _by_field(found.rows), _by_field(training), _by_field(cut.kept)
    enough = [
        field
        for field in heads
        if len(given.get(field, ())) >= LEAST
        and learned.get(field)
        and (len(kept.get(field, ())) >= LEAST_GOLD or (has_file and field == "sentiment"))
    ]
    if enough:
        return enough
    told = [
        f"{len(given.get(f, ())):,} of {f.replace('_', '-')} ({len(kept.get(f, ())):,} kept back)" for f in heads
    ]
    extra = "".join(f"; {count:,} more are of {name}" for name, count in sorted(found.left_out.items()))
    raise NotEnough(
        f"too few corrections to tune with: {', '.join(told)}{extra}. {LEAST} of one kind are needed, of which at "
        f"least {LEAST_GOLD} in the quarter that is kept back to measure with. Correct more in triage: "
        "social-care case label CASE --sentiment positive"
    )


def _counts(found: "Corrections", training: "Sequence[Correction]", cut: Cut) -> dict[str, dict[str, Any]]:
    learned, kept = _by_field(training), _by_field(cut.kept)
    counts: dict[str, dict[str, Any]] = {}
    for name, rows in sorted(_by_field(found.rows).items()):
        counts[name] = {
            "given": len(rows),
            "overruled": sum(row.overruled for row in rows),
            "learned": 0 if name == "urgency" else len(learned.get(name, ())),
            "kept_back": len(kept.get(name, ())),
            "by_network": dict(Counter(row.network for row in rows).most_common()),
        }
    return counts


def _left_out(found: "Corrections") -> dict[str, int]:
    gone = {"deleted since": found.gone} if found.gone else {}
    return {f"of {network} (its terms)": count for network, count in sorted(found.left_out.items())} | gone


# --- judging ---------------------------------------------------------------------------------------------------


def check_free(workspace: Workspace, name: str) -> None:
    """Refuse a name before minutes are spent on it.

    Raises:
        ModelError: It is no name, or is taken.
    """
    from sentiment.ports import ModelError
    from sentiment.tuned import checked_name

    if (models_folder(workspace) / checked_name(name)).exists():
        raise ModelError(f"there is a model {name} already in {models_folder(workspace)}; choose another --name")


def free_name(workspace: Workspace, now: datetime) -> str:
    """`tuned-` and the day; with a number where the day has one already."""
    day = f"tuned-{now.astimezone(ZoneInfo(workspace.zone)):%Y-%m-%d}"
    taken = {path.name for path in models_folder(workspace).glob(f"{day}*")}
    return next(name for name in (day, *(f"{day}-{n}" for n in range(2, len(taken) + 3))) if name not in taken)


@contextmanager
def _place(workspace: Workspace, *, dry_run: bool) -> Iterator[Path]:
    """Where the candidate is made: beside the models, so that it can be renamed; a dry run leaves them alone."""
    if not dry_run:
        yield models_folder(workspace)
        return
    with TemporaryDirectory(prefix="social-care-") as folder:
        yield Path(folder)


def _judge(
    workspace: Workspace, made: "Candidate", golds: Sequence[Gold], tuned: Collection[str], report: Tuned
) -> None:
    after = load_scorer(workspace, made.folder)
    found = measure(golds, before=workspace.scorer, after=after, tuned=tuned)
    report.comparisons, report.urgency_order, report.fallen = found
    report.accepted = not report.fallen
    if report.accepted and not report.dry_run:
        report.path = str(made.target)


def adapted(report: Tuned, base: Path, golds: Sequence[Gold], now: datetime, actor: str) -> dict[str, Any]:
    """What the card says of the tuning."""
    from sentiment.card import BUNDLED as BUNDLED_FOLDER

    place = None if base == BUNDLED_FOLDER else str(base.resolve())
    return {
        "base": {"scorer": report.base, "path": place},
        "at": now.isoformat(),
        "by": actor,
        "compared_with": report.compared_with,
        "corrections": report.corrections,
        "left_out": report.left_out,
        "anchors": report.anchors,
        "strength": report.strength,
        "gold": {gold.name: {"texts": len(gold.items), "digest": gold.digest} for gold in golds},
        "figures": [one.as_dict() for one in report.comparisons],
        "urgency_order": report.urgency_order,
    }


def _record(workspace: Workspace, report: Tuned, now: datetime, actor: str) -> None:
    from storage.corrections import add_audit

    learned = {name: counts["learned"] for name, counts in report.corrections.items()}
    with workspace.database.write() as session:
        after = {"base": report.base, "learned": learned}
        add_audit(session, "model.tune", f"model:{report.name}", actor=actor, now=now, after=after)
