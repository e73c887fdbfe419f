"""How an explanation looks: the sum, the post with its words shaded, and a list that needs no colour."""

import itertools
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from rich.text import Text

from sentiment.explain import Explanation
from sentiment.language import UNKNOWN
from sentiment.occlusion import Influence, value
from sentiment.ports import SENTIMENTS
from sentiment.reply import REASONS
from social_care.cli import show
from social_care.cli.case_view import clock_line
from social_care.durations import say_duration
from social_care.safe import safe_indices, safe_line

if TYPE_CHECKING:
    from sentiment.counterfactual import Counterfactual
    from social_care.explaining import Why
    from social_care.workspace import Workspace
    from storage.case_detail import CaseDetail

SHOWN_TEXT, SHOWN_SENTENCE = 700, 200
"""Characters of a post, or of each strong sentence of a long one, that are printed; the JSON has more."""
_LITTLE, _SOME, _MUCH = 0.1, 1 / 3, 2 / 3
"""Shares of the strongest word's pull from which a word is shaded, bold, reversed."""
_SHADES = {"negative": "red", "positive": "green", "neutral": "underline"}
_FIGURE = re.compile(r"(\w+) \d\.\d\d")
_LAST = ("base", "partly_read", "limit")
_WORDS = {"priority": "priority", "reply_needed": "reply", "sentiment": "sentiment"}


def print_case_why(detail: "CaseDetail", why: "Why | None", workspace: "Workspace", now: datetime) -> None:
    """Tell how a case got its place, as a sum a person can check, and what would change it."""
    case, lead = detail.case, detail.lead
    show.say(
        show.coloured(f"case {case.id}", "bold"), f"  urgency {case.urgency:.2f}  ", show.coloured(case.priority)
    )
    if lead is not None:
        if why is not None:
            _print_post(why.explanation)
        else:
            show.say("  ", show.coloured(safe_line(lead.mention.text or "(no text)", 300), "cyan"))
    _print_factors(case.reasons, case.urgency, why.explanation if why else None)
    if lead is not None and lead.score is not None and why is None:
        score = lead.score
        show.say(_sentiment(score.sentiment, score.abstained, score.model_dump(), score.language))
    if why is not None:
        _print_words(why.explanation)
    for label in lead.labels if lead is not None else ():
        said = f"{safe_line(label.by)} says {label.field} is {safe_line(label.value)}"
        show.say(show.coloured(f"{said} (the model: {label.model_value})", "magenta"))
    show.say(_reply(case.reply_needed, case.reply_reason))
    if why is not None:
        _print_changes(why)
        _print_differences(detail, why)
    policy = workspace.policies.named(case.policy) if case.policy else None
    if policy is not None:
        show.say(f"policy {case.policy}: first reply within {say_duration(policy.first_reply)}")
    for clock in detail.clocks:
        _hanging("  ", Text().join(Text() + part for part in clock_line(clock, workspace.zone, now)))


def print_text_why(why: "Why") -> None:
    """Tell the same of a text that is no case."""
    found = why.explanation
    score, priority = found.score, found.decisions["priority"]
    show.say(
        show.coloured(priority if priority != "none" else "no priority"),
        f"  urgency {score.urgency:.2f}  ",
        show.coloured(f"as a post to the brand, by {_whose(why)} policies", "dim"),
    )
    _print_post(found)
    factors = [{"name": f.name, "points": f.points, "evidence": f.evidence} for f in score.factors]
    _print_factors(factors, score.urgency, found)
    _print_words(found)
    show.say(_reply(found.decisions["reply_needed"] == "yes", why.reason))
    _print_changes(why)
    show.say(show.coloured(f"by {safe_line(score.scorer, 70)}", "dim"))


def _whose(why: "Why") -> str:
    return "the workspace's" if why.by_workspace else "the shipped"


def _print_post(found: Explanation) -> None:
    """The post with its words shaded; of a long one the sentences that say most."""
    if not found.text.strip():
        show.say("  ", show.coloured("(no text)", "dim"))
        return
    if show.out.color_system and _styles(found):
        show.say("  ", show.coloured("red speaks for negative, green for positive, underlined for neutral", "dim"))
    if not found.sentences or len(found.text) <= SHOWN_TEXT:
        _hanging("  ", _shaded(found, 0, len(found.text), SHOWN_TEXT))
        return
    for sentence in found.sentences:
        score = sentence.score
        head = f"  {score.sentiment} {getattr(score.probabilities, score.sentiment):.2f}  "
        _hanging(head, _shaded(found, *sentence.span, SHOWN_SENTENCE), style=show.STYLES.get(score.sentiment, ""))
    said = f"the {len(found.sentences)} sentences that say most, of {found.sentences_in_all:,}"
    if found.sentences_read < found.sentences_in_all:
        said += f" ({found.sentences_read} of them weighed)"
    _hanging("  ", Text(f"{said}; {len(found.text):,} characters in all", style="dim"))


def _shaded(found: Explanation, start: int, end: int, most: int) -> Text:
    """A part of the post on one line, safe, its words in the colour of the sentiment they speak for."""
    cut = min(end, start + most)
    styles = [""] * (cut - start)
    for word, style in _styles(found):
        for first, last in word.spans:
            for place in range(max(first, start), min(last, cut)):
                styles[place - start] = style
    shown = [
        (" " if found.text[start + place].isspace() else found.text[start + place], styles[place])
        for place in safe_indices(found.text[start:cut])
    ]
    line = Text()
    for style, group in itertools.groupby(shown, key=lambda item: item[1]):
        line.append(re.sub(" +", " ", "".join(character for character, _ in group)), style)
    line.rstrip()
    if cut < end:
        line.append(f" … {end - start:,} characters in all" if most == SHOWN_TEXT else " …", "dim")
    return line


def _styles(found: Explanation) -> list[tuple[Influence, str]]:
    """The words that matter with their shade: reversed from two thirds of the strongest, bold from one third."""
    pulls = {word: (word.speaks_for(), word.pull(word.speaks_for())) for word in found.words}
    felt = {word: pull for word, pull in pulls.items() if word.moves(pull[0])}
    strongest = max((pull for _, pull in felt.values()), default=1.0)
    styles = []
    for word, (to, pull) in felt.items():
        share = pull / strongest
        if share > (_SOME if word.function else _LITTLE):
            weight = "bold reverse " if share > _MUCH else "bold " if share > _SOME else ""
            styles.append((word, weight + _SHADES[to]))
    return styles


def _print_factors(reasons: Sequence[Mapping[str, Any]], urgency: float, found: Explanation | None) -> None:
    total = 0.0
    for item in sorted(reasons, key=_place):
        points = float(item.get("points") or 0)
        total += points
        name = str(item.get("name", "")).replace("_", " ")
        evidence = safe_line(str(item.get("evidence") or ""), 200)
        drivers = _drivers(found, evidence)
        _hanging(
            f"  {points:+.2f}  {name:<20} ",
            Text(f"{evidence}: {drivers}" if drivers else evidence, style="dim"),
            style="red" if points > 0 else "green" if points < 0 else "dim",
        )
    clipped = "" if abs(total - urgency) < 0.005 else f", held between 0 and 1: {urgency:.2f}"
    show.say(f"  {max(total, 0) if abs(total) < 0.0005 else total:+.2f}  sum{clipped}")


def _place(item: Mapping[str, Any]) -> tuple[int, float]:
    """The heaviest first, what is always there last."""
    name = str(item.get("name", ""))
    return (_LAST.index(name) + 1 if name in _LAST else 0), -abs(float(item.get("points") or 0))


def _drivers(found: Explanation | None, evidence: str) -> str:
    """The words behind a figure such as "negative 0.93"."""
    figure = _FIGURE.fullmatch(evidence)
    if found is None or figure is None or figure[1] not in {*SENTIMENTS, *found.heads}:
        return ""
    words = _felt(found.drivers(figure[1]), figure[1])
    return ", ".join(safe_line(word.word, 24) for word in words)


def _felt(words: Sequence[Influence], name: str) -> Sequence[Influence]:
    """The words that matter beside the strongest; small words only where no other does."""
    strongest = max((abs(word.pull(name)) for word in words), default=0.0)
    near = [word for word in words if abs(word.pull(name)) >= strongest / 4]
    return [word for word in near if not word.function] or near


def _sentiment(label: str, abstained: bool, triple: Mapping[str, float], language: str) -> Text:
    line = Text("sentiment unsure: " if abstained else "sentiment ")
    ranked = sorted(SENTIMENTS, key=lambda name: (name != label, -triple[name]))
    for number, name in enumerate(ranked):
        line.append(", " if number else "").append(name, "" if number or abstained else show.STYLES.get(name, ""))
        line.append(f" {triple[name]:.2f}")
    return line.append(f"; language {safe_line(language, 12)}")


def _print_words(found: Explanation) -> None:
    """The words that drove the sentiment and each head that spoke, with what is left without them."""
    score = found.score
    show.say(_sentiment(score.sentiment, score.abstained, score.probabilities._asdict(), score.language))
    if score.language == UNKNOWN:
        show.say("  ", show.coloured("the model finds no words to read here", "dim"))
        return
    _print_pulls(found, score.sentiment)
    for name, probability in found.heads.items():
        show.say(f"heard {name.replace('_', ' ')} {probability:.2f}")
        _print_pulls(found, name)


def _print_pulls(found: Explanation, name: str) -> None:
    drivers, opponents = found.drivers(name), found.opponents(name)
    for moved, words in (("falls", _felt(drivers, name)), ("rises", _felt(opponents, name))):
        if words:
            where = "" if words[0].whole == found.score else "in its sentence "
            listed = Text(", ").join(_left(word, name, found) for word in words)
            _hanging(f"  {where}{name.replace('_', ' ')} {moved} without  ", listed)
    weak = sorted((w for w in found.words if w.fall(name) > 0 and not w.function), key=lambda w: -w.pull(name))
    if not drivers and weak:
        listed = Text(", ").join(_left(word, name, found) for word in weak[:3])
        _hanging(f"  {name.replace('_', ' ')} barely falls without  ", listed)


def _left(word: Influence, name: str, found: Explanation) -> Text:
    start = "" if word.whole == found.score else f"from {value(word.whole, name):.2f} "
    left = f"{start}to {value(word.without, name):.2f}"
    return Text(f"{safe_line(word.word, 24)} ").append(left, "dim")


def _reply(needed: bool, reason: str) -> Text:
    said = REASONS.get(reason, reason.replace("_", " "))
    return Text(("a reply is needed: " if needed else "no reply is needed: ") + safe_line(said, 60))


def _print_changes(why: "Why") -> None:
    """The nearest counterfactuals, those of one change together; and honestly where there is none."""
    found = why.explanation
    groups: dict[tuple[tuple[int, int], ...], list[Counterfactual]] = {}
    for change in found.counterfactuals:
        groups.setdefault(change.spans, []).append(change)
    for changes in groups.values():
        line = Text(_outcome([(c.target, c.was, c.becomes) for c in changes]), style="bold")
        line = Text().append_text(line).append(" without ").append(_removed(changes[0]))
        if any(change.target != "sentiment" for change in changes):
            line.append(f" (urgency {changes[0].urgency:.2f})", "dim")
        _hanging("  ", line)
    for factor in dict.fromkeys(item.factor for item in why.without_factor):
        items = [(item.target, item.was, item.becomes) for item in why.without_factor if item.factor == factor]
        show.say("  ", show.coloured(_outcome(items), "bold"), f" without the factor {factor.replace('_', ' ')}")
    if why.not_found and found.words_in_all:
        said = " or ".join(_WORDS[target] for target in why.not_found)
        looked = f"found no words without which {said} would change ({found.tried} changes tried)"
        _hanging("  ", Text(looked if found.tried else "too long to look for what would change it", style="dim"))


def _removed(change: "Counterfactual") -> str:
    long = change.kind in ("question", "sentences")
    quotes = [f"“{safe_line(words, 60 if long else 40)}”" for words in change.without]
    plural = "s" if len(quotes) > 1 else ""
    said = {"question": "the question ", "sentences": f"the sentence{plural} "}.get(change.kind, "")
    factor = f" ({change.factor.replace('_', ' ')})" if change.factor else ""
    return said + " and ".join(filter(None, [", ".join(quotes[:-1]), quotes[-1]])) + factor


def _outcome(changes: Sequence[tuple[str, str, str]]) -> str:
    """What would be otherwise, in words; where no reply would be needed there is no priority either."""
    becomes = {target: value for target, _, value in changes}
    needed, priority = becomes.get("reply_needed"), becomes.get("priority", "none")
    said = []
    if needed is not None:
        said.append("need a reply" if needed == "yes" else "need no reply")
    states = [priority] if priority != "none" else []
    if "sentiment" in becomes:
        states.append("too unsure to say" if becomes["sentiment"] == "unsure" else becomes["sentiment"])
    if "priority" in becomes and needed is None and priority == "none":
        states.append("without priority")
    if states:
        said.append("be " + " and ".join(states))
    return "would " + " and ".join(said)


def _print_differences(detail: "CaseDetail", why: "Why") -> None:
    """Say where the stored decision is older than the model or the rules that explain it."""
    case, lead, now = detail.case, detail.lead, why.explanation.decisions
    if lead is not None and lead.score is not None and lead.score.scorer != why.explanation.score.scorer:
        show.say(
            show.coloured(
                f"the points are by {lead.score.scorer}, the words by {why.explanation.score.scorer}", "yellow"
            )
        )
    stored = {"priority": case.priority, "reply_needed": "yes" if case.reply_needed else "no"}
    changed = [(target, stored[target], now[target]) for target in stored if now[target] != stored[target]]
    if changed:
        show.say(show.coloured(f"triaged again now it {_outcome(changed)}", "yellow"))


def _hanging(prefix: str, body: Text, *, style: str = "") -> None:
    """Print a prefix and a text that wraps beside it."""
    width = max(20, show.out.width - len(prefix))
    for number, line in enumerate(body.wrap(show.out, width)):
        line.rstrip()
        lead = Text(prefix, style=style) if number == 0 else Text(" " * len(prefix))
        show.out.print(Text().append_text(lead).append_text(line))
