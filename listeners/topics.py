"""Topics: one boolean query (Lucene syntax), read once, then put to each network in that network's own words.

    refund AND ("late flight" OR 退款) AND NOT spam AND lang:en

Two words side by side mean AND. Fields: `lang:`, `network:`, `author:`, `kind:`, `title:`, `text:`, `rating:`
(`rating:2`, `rating:<=3`, `rating:[1 TO 3]`). `*` and `?` stand for letters inside a word. What a network cannot
search for is left out of its query, told in `NetworkQuery.notes`, and checked here on what comes back.
"""

import re
import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import InvalidOperation
from typing import TYPE_CHECKING, Any

from listeners.topic_match import All, AnyOf, Attribute, Node, Not, Rating, Word, matcher
from storage.errors import ConfigError
from storage.models import MentionData

if TYPE_CHECKING:
    from luqum.tree import Item

MAX_QUERY = 4_096
MAX_DEPTH = 40
ATTRIBUTES = ("author", "kind", "lang", "network")
FIELDS = ("author", "kind", "lang", "network", "rating", "text", "title")

# People who type Chinese type these; each is one character, so that positions in errors stay true.
_TYPOGRAPHY = str.maketrans("“”„「」『』（）：　", '"""""""(): ')


@dataclass(frozen=True, slots=True)
class Topic:
    """A query that was understood."""

    name: str
    query: str
    root: Node

    def matches(self, mention: MentionData) -> bool:
        """Whether a mention fits; a language the source does not tell is no reason to drop a post."""
        return matcher(self.root)(mention) is not False


def parse_topic(query: str, name: str = "") -> Topic:
    """Read a query.

    Raises:
        ConfigError: it cannot be read; the message shows where, and what to write instead.
    """
    place = f"topic {name!r}" if name else "the query"
    text = query.translate(_TYPOGRAPHY)
    if not text.strip():
        raise ConfigError(f"{place} is empty; write at least one word to listen for")
    if len(text) > MAX_QUERY:
        raise ConfigError(f"{place} is {len(text):,} characters long; {MAX_QUERY:,} are allowed")
    return Topic(name, query, _Reader(place, text).read(_syntax_tree(place, text)))


def _syntax_tree(place: str, text: str) -> "Item":
    from luqum.exceptions import ParseError
    from luqum.thread import parse  # the parser itself is not safe to share between threads

    try:
        tree: Item = parse(text)  # type: ignore[no-untyped-call]
    except InvalidOperation:  # luqum takes what follows ~ or ^ for a number
        raise ConfigError(f"{place} has something behind ~ or ^ that is no number\n{_pointer(text, 0)}") from None
    except ParseError as error:
        found = re.search(r"at position (\d+)", str(error))
        if found is None:
            missing = f"{place} ends too early: a bracket, quote or word is missing after position {len(text)}"
            raise ConfigError(f"{missing}\n{_pointer(text, len(text))}") from None
        position = int(found.group(1))
        raise ConfigError(
            f"{place} cannot be read at position {position + 1} ({text[position : position + 1]!r}); check "
            "brackets and quotes, and put words with special characters in quotes\n" + _pointer(text, position)
        ) from None
    return tree


def _pointer(text: str, position: int) -> str:
    """Two lines: the stretch around the position, and a caret below it; never a control character."""
    start = max(0, position - 30)
    shown = "".join(letter if letter.isprintable() else " " for letter in text[start : position + 30])
    return f"  {shown}\n  {' ' * (position - start)}^"


class _Reader:
    """Turns luqum's tree into ours, refusing what no network and no matcher here could honour."""

    def __init__(self, place: str, text: str) -> None:
        self._place = place
        self._text = text

    def read(self, tree: "Item", field: str | None = None, depth: int = 0) -> Node:
        from luqum import tree as luqum

        if depth > MAX_DEPTH:
            raise ConfigError(f"{self._place} nests more than {MAX_DEPTH} brackets deep; write it flatter")
        if isinstance(tree, luqum.Group | luqum.FieldGroup | luqum.Plus):
            return self.read(tree.children[0], field, depth + 1)
        if isinstance(tree, luqum.Not | luqum.Prohibit):
            return Not(self.read(tree.children[0], field, depth + 1))
        if isinstance(tree, luqum.SearchField):
            return self._field(tree, field, depth)
        if isinstance(tree, luqum.OrOperation):
            return AnyOf(tuple(self.read(child, field, depth + 1) for child in tree.children))
        if isinstance(tree, luqum.AndOperation):
            return All(tuple(self.read(child, field, depth + 1) for child in tree.children))
        if isinstance(tree, luqum.UnknownOperation):
            return self._side_by_side(tree, field, depth)
        return self._leaf(tree, field)

    def _side_by_side(self, tree: "Item", field: str | None, depth: int) -> Node:
        """`a b OR c d` is `(a AND b) OR (c AND d)`: a space binds as AND does, also beside a bare OR."""
        from luqum import tree as luqum

        groups: list[list[Node]] = [[]]
        for child in tree.children:
            if isinstance(child, luqum.OrOperation):
                first, *others = (self.read(part, field, depth + 1) for part in child.children)
                groups[-1].append(first)
                groups.extend([part] for part in others)
            else:
                groups[-1].append(self.read(child, field, depth + 1))
        branches = [All(tuple(group)) if len(group) > 1 else group[0] for group in groups]
        return AnyOf(tuple(branches)) if len(branches) > 1 else branches[0]

    def _field(self, tree: Any, outer: str | None, depth: int) -> Node:
        name = str(tree.name).lower()
        if outer is not None:
            raise self._refuse(tree, f"{name}: stands inside {outer}:; write them side by side")
        if name not in FIELDS:
            raise self._refuse(tree, f"no field {name!r}; known: {', '.join(FIELDS)}. For a link, use quotes")
        return self.read(tree.children[0], name, depth + 1)

    def _leaf(self, tree: Any, field: str | None) -> Node:
        from luqum import tree as luqum

        if field == "rating":
            return self._rating(tree)
        if not isinstance(tree, luqum.Word | luqum.Phrase):
            kinds = {"Fuzzy": "~", "Proximity": '"..."~', "Boost": "^", "Regex": "/.../"}
            sign = kinds.get(type(tree).__name__, "ranges, < and > outside rating:")
            raise self._refuse(tree, f"{sign} is not supported; use words, phrases, * and ?")
        phrase = isinstance(tree, luqum.Phrase)
        written = tree.value[1:-1] if phrase else tree.value
        if not phrase and written in ("&&", "||", "!"):
            raise self._refuse(tree, f"write AND, OR or NOT instead of {written}")
        place = field if field in ("text", "title") else None
        word = Word(_unescape(written), phrase, place, _wild(written, phrase))
        if not re.search(r"\w", word.text) and not (word.text.strip() and not word.wild):
            raise self._refuse(tree, "this would match everything; write at least one letter")
        return Attribute(field, word.text.strip().lower().lstrip("@")) if field in ATTRIBUTES else word

    def _rating(self, tree: Any) -> Rating:
        from luqum import tree as luqum

        if isinstance(tree, luqum.Range):
            low, high = (self._number(tree, part) for part in (tree.low, tree.high))
            return Rating(low, high, bool(tree.include_low), bool(tree.include_high))
        if isinstance(tree, luqum.From):
            return Rating(self._number(tree, tree.a), None, bool(tree.include), True)
        if isinstance(tree, luqum.To):
            return Rating(None, self._number(tree, tree.a), True, bool(tree.include))
        value = self._number(tree, tree)
        return Rating(value, value, True, True)

    def _number(self, tree: Any, part: Any) -> float | None:
        value = str(getattr(part, "value", ""))
        if value == "*":
            return None
        try:
            return float(value)
        except ValueError:
            raise self._refuse(tree, "rating needs numbers, for example rating:<=3 or rating:[1 TO 3]") from None

    def _refuse(self, tree: Any, reason: str) -> ConfigError:
        position = int(tree.pos or 0)
        return ConfigError(f"{self._place}, position {position + 1}: {reason}\n{_pointer(self._text, position)}")


def _unescape(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text)


def _wild(written: str, phrase: bool) -> bool:
    return not phrase and re.search(r"(?<!\\)(?:\\\\)*[*?]", written) is not None


# --- to a network's own query ---


@dataclass(frozen=True, slots=True)
class NetworkQuery:
    """A topic in a network's words.

    `text` is None where the topic asks for other networks only. `notes` say what the network cannot search
    for; the listener then checks each post with `Topic.matches`.
    """

    text: str | None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Dialect:
    """How one network writes a query. `leaf` gives its words, True or False where known, None where it cannot."""

    name: str
    limit: int
    both: str
    negate: str
    leaf: Callable[[Node], str | bool | None]


def x_query(topic: Topic, limit: int = 512, suffix: str = "") -> NetworkQuery:
    """The topic for X's recent search; `suffix` is added to it (` -is:retweet`).

    Raises:
        ConfigError: longer than `limit`, or nothing X could look for.
    """
    return _compile(topic, _Dialect("X", limit, " ", "-", _x_leaf), suffix)


def reddit_query(topic: Topic, limit: int = 512) -> NetworkQuery:
    """The topic for Reddit's search of posts.

    Raises:
        ConfigError: longer than `limit`, or nothing Reddit could look for.
    """
    return _compile(topic, _Dialect("Reddit", limit, " AND ", "NOT ", _reddit_leaf), "")


def _compile(topic: Topic, dialect: _Dialect, suffix: str) -> NetworkQuery:
    place = f"topic {topic.name!r}" if topic.name else "the query"
    notes: list[str] = []
    root = _positive(topic.root)
    written = _write(root, dialect, notes)
    if written is False:
        return NetworkQuery(None, tuple(notes))
    if not isinstance(written, str) or not _has_word(root, dialect):
        raise ConfigError(
            f"{place} has nothing {dialect.name} can look for: each side of an OR needs at least one word, "
            "phrase or author that is not behind NOT" + "".join(f"\n  {note}" for note in notes)
        )
    bracket = suffix and isinstance(root, AnyOf) and " OR " in written
    text = (f"({written})" if bracket else written) + suffix
    if len(text) > dialect.limit:
        raise ConfigError(
            f"{place} is {len(text)} characters long in {dialect.name}'s words; {dialect.limit} are allowed. "
            "Split it into two topics:\n  " + text[:200] + ("..." if len(text) > 200 else "")
        )
    return NetworkQuery(text, tuple(dict.fromkeys(notes)))


def _positive(node: Node, negated: bool = False) -> Node:
    """Push every NOT down to the leaves: no network negates a group."""
    if isinstance(node, Not):
        return _positive(node.part, not negated)
    if isinstance(node, All | AnyOf):
        kind = AnyOf if isinstance(node, AnyOf) != negated else All
        parts: list[Node] = []
        for part in (_positive(each, negated) for each in node.parts):
            parts.extend(part.parts if isinstance(part, kind) else [part])
        return kind(tuple(parts))
    return Not(node) if negated else node


def _write(node: Node, dialect: _Dialect, notes: list[str]) -> str | bool | None:
    if isinstance(node, All | AnyOf):
        return _write_group(node, dialect, notes)
    leaf = node.part if isinstance(node, Not) else node
    written = dialect.leaf(leaf)
    if written is None:
        notes.append(f"{dialect.name} cannot search for {say(leaf)}; checked here")
        return None
    if isinstance(written, bool):
        return written != isinstance(node, Not)
    return dialect.negate + written if isinstance(node, Not) else written


def _write_group(node: All | AnyOf, dialect: _Dialect, notes: list[str]) -> str | bool | None:
    either = isinstance(node, AnyOf)
    parts: list[str] = []
    unwritten = False
    for part in node.parts:
        written = _write(part, dialect, notes)
        if isinstance(written, bool):
            if written is either:  # True decides an OR, False decides an AND
                return written
        elif written is None:
            unwritten = True
            if either:
                notes.append(f"on {dialect.name}, posts that only have {say(part)} are not heard")
        else:
            bracket = isinstance(part, All | AnyOf) and (" " in written)
            parts.append(f"({written})" if bracket else written)
    if not parts:
        return None if unwritten else not either
    return (" OR " if either else dialect.both).join(parts)


def _has_word(node: Node, dialect: _Dialect) -> bool:
    """Whether the network has something to look for: a word or an author, on each side of every OR it is asked."""
    if isinstance(node, All):
        return any(_has_word(part, dialect) for part in node.parts)
    if isinstance(node, AnyOf):
        asked = [part for part in node.parts if isinstance(_write(part, dialect, []), str)]
        return all(_has_word(part, dialect) for part in asked)
    standing = isinstance(node, Word) or (isinstance(node, Attribute) and node.field == "author")
    return standing and isinstance(dialect.leaf(node), str)


def _quoted(word: Word, plain: str) -> str:
    if not word.phrase and re.fullmatch(plain, word.text) and word.text not in ("AND", "OR", "NOT"):
        return word.text
    return '"' + re.sub(r'[\s"\\]+', " ", word.text).strip() + '"'


def _x_leaf(node: Node) -> str | bool | None:
    if isinstance(node, Word):
        if node.field == "title":
            return False  # posts on X have none
        return None if node.wild else _quoted(node, r"[#@$]?\w+")
    if isinstance(node, Attribute):
        if node.field == "network":
            return node.value == "x"
        if node.field == "kind":
            known = {"repost": "is:retweet", "quote": "is:quote", "comment": "is:reply", "post": None}
            return known.get(node.value, False)
        return ("from:" if node.field == "author" else "lang:") + node.value
    return None if isinstance(node, All | AnyOf | Not) else False  # nobody rates on X


def _reddit_leaf(node: Node) -> str | bool | None:
    if isinstance(node, Word):
        field = {"title": "title:", "text": "selftext:", None: ""}[node.field]
        return None if node.wild else field + _quoted(node, r"\w+")
    if isinstance(node, Attribute):
        if node.field in ("network", "kind"):
            return node.value == {"network": "reddit", "kind": "post"}[node.field]
        return f"author:{node.value.removeprefix('u/')}" if node.field == "author" else None
    return None if isinstance(node, All | AnyOf | Not) else False


# --- in plain words ---


def explain(topic: Topic) -> str:
    """The query as an indented list, one condition a line, with what X and Reddit will be asked."""
    lines = _lines(topic.root, 0)
    loose = [word for word in ("and", "or", "not") if re.search(rf"(?<![\w\"]){word}(?![\w\"])", topic.query)]
    lines += [f"note: {word!r} in small letters is a word to look for; write {word.upper()}" for word in loose]
    for name, compiler in (("X", x_query), ("Reddit", reddit_query)):
        try:
            compiled = compiler(topic)
        except ConfigError as error:
            lines.append(f"{name}: {error}")
            continue
        lines.append(f"{name}: {compiled.text or 'not asked'}")
        lines += [f"  {note}" for note in compiled.notes]
    return "\n".join(piece for line in lines for part in line.splitlines() for piece in _wrapped(part))


def _wrapped(line: str) -> list[str]:
    """The line in pieces for a terminal of 80 columns; letters outside ASCII may be two columns wide."""
    indent = " " * (len(line) - len(line.lstrip()))
    return textwrap.wrap(line, 79 if line.isascii() else 40, subsequent_indent=indent + "  ") or [""]


def _lines(node: Node, depth: int) -> list[str]:
    indent = "  " * depth
    if isinstance(node, All | AnyOf):
        head = "all of" if isinstance(node, All) else "any of"
        return [f"{indent}{head}", *(line for part in node.parts for line in _lines(part, depth + 1))]
    if isinstance(node, Not):
        return [f"{indent}not", *_lines(node.part, depth + 1)]
    return [indent + say(node)]


def say(node: Node) -> str:
    """One condition in words."""
    if isinstance(node, Word):
        kind = "the phrase" if node.phrase else "the word"
        return f'{kind} "{node.text}"' + (f" in the {node.field}" if node.field else "")
    if isinstance(node, Attribute):
        return f"{node.field} is {node.value}"
    if isinstance(node, Rating):
        return node.say()
    if isinstance(node, Not):
        return f"not {say(node.part)}"
    joint = " and " if isinstance(node, All) else " or "
    return joint.join(say(part) for part in node.parts)


def first_match(topics: Sequence[Topic], mention: MentionData) -> str | None:
    """The name of the first topic that fits, in the order of the configuration."""
    return next((topic.name for topic in topics if topic.matches(mention)), None)
