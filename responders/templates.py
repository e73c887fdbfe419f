"""Templates of saved replies: Jinja2 cut down to words, six variables and `if`.

The sandbox of Jinja2 stops escapes, not size: `"a" * 10**9` would be computed. So a template is checked before it
is compiled: loops, macros, calls, attributes and arithmetic are refused, and the result is at most as long as the
template and its variables. The text of a post is never a template and never a variable.
"""

import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any
from urllib.parse import urlsplit

from jinja2 import StrictUndefined, TemplateError, TemplateSyntaxError, UndefinedError, nodes
from jinja2.exceptions import SecurityError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from storage.errors import SocialCareError

VARIABLES: Mapping[str, str] = MappingProxyType(
    {
        "brand": "the brand's name",
        "handle": "the customer's public handle without @; undefined where the source names none",
        "network": "where the post stands: x, reddit, appstore, …",
        "url": "the address of the post; undefined where there is none",
        "agent": "who answers; undefined where nobody is named",
        "case_id": "the number of the case",
    }
)
"""Every variable a saved reply may use."""

MAX_SOURCE = 20_000
MAX_RESULT = 20_000
MAX_DEPTH = 30

_FILTERS = frozenset({"upper", "lower", "capitalize", "title", "trim", "default", "d"})
_TESTS = frozenset({"defined", "undefined", "eq", "equalto", "ne"})
_NODES = (
    nodes.Template, nodes.Output, nodes.TemplateData, nodes.Name, nodes.Const, nodes.If, nodes.CondExpr,
    nodes.Not, nodes.And, nodes.Or, nodes.Compare, nodes.Operand, nodes.Filter, nodes.Test, nodes.Keyword,
)  # fmt: skip
_HANDLE = re.compile(r"[\w.\-·]{1,64}(?:@[A-Za-z0-9.\-]{1,100})?")


class TemplateProblem(SocialCareError):
    """A template that cannot be used; `line` counts from 1 within the template."""

    def __init__(self, message: str, line: int = 1) -> None:
        super().__init__(message)
        self.line = line


class _Environment(ImmutableSandboxedEnvironment):
    """The check below refuses arithmetic; this refuses it once more, should the check ever miss a path."""

    intercepted_binops = frozenset({"+", "-", "*", "/", "//", "%", "**"})

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:  # noqa: ARG002
        raise SecurityError(f"the operator {operator} is not for saved replies")


_ENVIRONMENT = _Environment(undefined=StrictUndefined, autoescape=False, keep_trailing_newline=False)
_ENVIRONMENT.globals.clear()


@dataclass(frozen=True, slots=True)
class Parsed:
    """A template that passed the check."""

    tree: nodes.Template
    variables: frozenset[str]


def parse(source: str) -> Parsed:
    """Check a template.

    Raises:
        TemplateProblem: unbalanced or unknown syntax, an unknown variable, or anything beyond words and `if`.
    """
    if len(source) > MAX_SOURCE:
        raise TemplateProblem(f"the text has {len(source):,} characters; {MAX_SOURCE:,} is the most")
    try:
        tree = _ENVIRONMENT.parse(source)
        _check(tree)
    except TemplateSyntaxError as error:
        raise TemplateProblem(f"{error.message}; check the braces", error.lineno) from None
    except RecursionError:
        raise TemplateProblem("the expressions are nested too deeply") from None
    names = frozenset(name.name for name in tree.find_all(nodes.Name))
    return Parsed(tree, names)


def render(source: str, values: Mapping[str, str]) -> str:
    """The template with its variables put in, white space trimmed.

    Raises:
        TemplateProblem: the template fails the check, needs a variable that is not known, or grows too long.
    """
    parsed = parse(source)
    try:
        template = _ENVIRONMENT.from_string(parsed.tree)
        pieces, size = [], 0
        for piece in template.generate({name: values[name] for name in VARIABLES if name in values}):
            size += len(piece)
            if size > MAX_RESULT:
                raise TemplateProblem(f"the answer grows beyond {MAX_RESULT:,} characters")
            pieces.append(piece)
    except UndefinedError as error:
        raise TemplateProblem(f"not known here: {error.message}") from None
    except (TemplateError, RecursionError) as error:
        raise TemplateProblem(str(error) or type(error).__name__) from None
    return "".join(pieces).strip()


def safe_values(
    *,
    brand: str,
    network: str,
    case_id: int | None,
    handle: str | None = None,
    url: str | None = None,
    agent: str | None = None,
) -> dict[str, str]:
    """The variables of one case.

    Handles and addresses come from strangers: whatever is not plainly one is left out.
    """
    values = {"brand": _plain(brand), "network": _plain(network)}
    if case_id is not None:
        values["case_id"] = str(case_id)
    name = unicodedata.normalize("NFC", (handle or "").strip().removeprefix("@"))
    if _HANDLE.fullmatch(name):
        values["handle"] = name
    if address := web_address(url):
        values["url"] = address
    if agent and (shown := _plain(agent)):
        values["agent"] = shown
    return values


def web_address(url: str | None) -> str | None:
    """The address if a person may safely be sent there, else None.

    That is http or https, a plain host, no credentials, nothing hidden. A host with other than ASCII letters is
    given in its `xn--` form, so that look-alikes show.
    """
    if not url or len(url) > 2048 or not url.isprintable() or any(sign.isspace() for sign in url):
        return None
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
        if parts.scheme not in {"http", "https"} or not host or "@" in parts.netloc or "\\" in url:
            return None
        plain = host if host.isascii() else host.encode("idna").decode("ascii")
    except (ValueError, UnicodeError):
        return None
    netloc = f"[{plain}]" if ":" in plain else plain
    return parts._replace(netloc=f"{netloc}:{port}" if port else netloc).geturl()


def _plain(text: str) -> str:
    return "".join(sign for sign in text if sign.isprintable()).strip()[:100]


def _check(tree: nodes.Template) -> None:
    for node in _walk(tree):
        if not isinstance(node, _NODES):
            what = type(node).__name__
            raise TemplateProblem(f"{what} is not for saved replies; use words, variables and if", node.lineno)
        if isinstance(node, nodes.Name) and node.name not in VARIABLES:
            raise TemplateProblem(
                f"there is no variable {node.name!r}; known: {', '.join(VARIABLES)}", node.lineno
            )
        if isinstance(node, nodes.Filter) and node.name not in _FILTERS:
            raise TemplateProblem(
                f"the filter {node.name!r} is not for saved replies; allowed: {', '.join(sorted(_FILTERS))}",
                node.lineno,
            )
        if isinstance(node, nodes.Test) and node.name not in _TESTS:
            raise TemplateProblem(f"the test {node.name!r} is not for saved replies", node.lineno)


def _walk(tree: nodes.Template) -> Iterator[nodes.Node]:
    waiting: list[tuple[nodes.Node, int]] = [(tree, 0)]
    while waiting:
        node, depth = waiting.pop()
        if depth > MAX_DEPTH:
            raise TemplateProblem("the expressions are nested too deeply", node.lineno)
        yield node
        waiting.extend((child, depth + 1) for child in node.iter_child_nodes())
