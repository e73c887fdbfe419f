"""What the posts are about: terms that recur, grouped by the posts they share, with mood and examples."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from social_care.digest.terms import Term, keyness, terms_of, without_echoes
from storage.digest_queries import Post

LEAST_POSTS = 3
"""Posts by different authors, with different texts, that make a theme."""
MOST_THEMES = 6
_NAMES = 3
_EXAMPLES = 3
_PRESSING = 0.3  # urgency from which an unsure post counts as a complaint
_TOGETHER = 0.5  # share of the smaller group of posts that two terms must have in common to be one theme


@dataclass(frozen=True, slots=True)
class Theme:
    """A subject that recurs.

    `terms` name it, the surest first. `count` posts hold one of them; `before` did in the period before.
    `mood` counts them by sentiment (`negative`, `neutral`, `positive`, `abstained`, `unscored`). `cases` are up to
    three example cases, the most urgent first. `rising`: the terms are surer than chance against earlier posts.
    `snippet` is the beginning of the most urgent post that no theme before it shows, as written: make it safe
    before showing it.
    """

    terms: tuple[str, ...]
    count: int
    before: int
    mood: dict[str, int]
    cases: tuple[int, ...]
    rising: bool
    snippet: str
    command: str = ""


def find_themes(posts: Sequence[Post], earlier: Sequence[Post], before: Sequence[Post]) -> list[Theme]:
    """The themes of `posts`, the most frequent complaint first.

    Two contrasts find the terms: these posts against `earlier` ones (what is new), and the complaints against all
    others (what is complained about), so that a first digest without history has themes too.

    Args:
        posts: the posts of the window.
        earlier: posts from before the window, to compare with.
        before: those of them in the window before, to count.
    """
    unique = _one_a_text(posts)
    cut = [terms_of(_words(post)) for post in unique]
    history = [terms_of(_words(post)) for post in _one_a_text(earlier)]
    new = keyness(cut, history, least=LEAST_POSTS) if len(history) >= 50 else []
    bad = [terms for terms, post in zip(cut, unique, strict=True) if _sore(post)]
    other = [terms for terms, post in zip(cut, unique, strict=True) if not _sore(post)]
    sore = keyness(bad, other + history, least=LEAST_POSTS)
    surest = {term.text: term for term in sorted([*new, *sore], key=lambda term: term.strength)}
    ranked = without_echoes(sorted(surest.values(), key=lambda term: -term.strength))
    fresh = {term.text for term in new}
    groups = _grouped(ranked, unique, cut)
    counts = [terms_of(_words(post)) for post in _one_a_text(before)]
    shown: set[int] = set()
    themes = [_theme(terms, members, fresh, counts, shown) for terms, members in groups]
    themes.sort(key=lambda theme: (-theme.mood.get("negative", 0), -theme.count, theme.terms))
    return themes[:MOST_THEMES]


def _sore(post: Post) -> bool:
    """A complaint by its mood, or by its urgency where the model was unsure of the mood."""
    return post.mood == "negative" or (post.mood == "abstained" and (post.urgency or 0.0) >= _PRESSING)


def _words(post: Post) -> str:
    return f"{post.title}\n{post.text}" if post.title and not post.text.startswith(post.title) else post.text


def _one_a_text(posts: Sequence[Post]) -> list[Post]:
    """One post a text: a petition copied fifty times is one voice here (it counts fully in the volume)."""
    return list({post.text_hash: post for post in reversed(posts) if post.text or post.title}.values())[::-1]


def _grouped(
    ranked: Sequence[Term], posts: Sequence[Post], cut: Sequence[frozenset[str]]
) -> list[tuple[list[str], list[Post]]]:
    groups: list[tuple[list[str], set[int]]] = []
    for term in ranked[:60]:
        holders = {number for number, terms in enumerate(cut) if term.text in terms}
        if len({posts[number].author for number in holders}) < LEAST_POSTS:
            continue
        home = next(
            (group for group in groups if len(group[1] & holders) >= _TOGETHER * min(len(group[1]), len(holders))),
            None,
        )
        if home is None:
            groups.append(([term.text], holders))
        else:
            home[0].append(term.text)
            home[1].update(holders)
    return [(terms, [posts[number] for number in sorted(members)]) for terms, members in groups]


def _theme(
    terms: list[str], members: list[Post], fresh: set[str], before: Sequence[frozenset[str]], shown: set[int]
) -> Theme:
    """`shown` keeps one post from being the example of two themes; the one chosen here is added to it."""
    pressing = sorted(members, key=lambda post: (-(post.urgency or 0.0), -post.posted_at.timestamp()))
    example = next((post for post in pressing if post.id not in shown), pressing[0])
    shown.add(example.id)
    names = tuple(terms[:_NAMES])
    cases = dict.fromkeys(post.case_id for post in pressing if post.case_id is not None)
    return Theme(
        terms=names,
        count=len(members),
        before=sum(not held.isdisjoint(terms) for held in before),
        mood=dict(Counter(post.mood for post in members)),
        cases=tuple(cases)[:_EXAMPLES],
        rising=any(term in fresh for term in names),
        snippet=_words(example)[:400],
    )
