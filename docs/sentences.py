"""What the daemon says of what it does not do, found where it stands: pages say it in the language
of whoever reads.

Every text of these modules that has words is one, but for what only a log, a developer or a file
has. What is filled in becomes a place with a name: `f"nobody has the id '{person}'"` is
`nobody has the id '%(person)s'`. `edge.web.sentences` finds by it what a sentence was made of.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

ROOT = Path(__file__).resolve().parents[1]

SOURCES: Final = (
    *("edge/control/conversation.py", "edge/control/desk_pages.py", "edge/control/pages.py"),
    *(
        "edge/control/frames.py",
        "edge/control/needs.py",
        "edge/control/parts.py",
        "edge/control/serving_gate.py",
    ),
    *("edge/alarm_desk.py", "edge/badge_desk.py", "edge/code_closed.py", "edge/delivery_desk.py"),
    *("edge/consent_drafts.py", "edge/consent_orders.py", "edge/order_words.py"),
    *("edge/desk.py", "edge/draft_desk.py", "edge/drafts_signed.py"),
    *("edge/drill_desk.py", "edge/drills.py"),
    *("edge/fido2_assertions.py", "edge/gate_acts.py", "edge/gate_codes.py", "edge/gate_desk.py"),
    *("edge/guard_desk.py", "edge/muster_desk.py", "edge/order_desk.py", "edge/order_lane.py"),
    *("edge/order_own.py", "edge/order_particulars.py", "edge/orders.py", "edge/page_holds.py"),
    *("edge/page_raising.py", "edge/people_desk.py", "edge/perimeter_desk.py"),
    *("edge/person_closed.py", "edge/person_desk.py", "edge/persons.py"),
    *("edge/sign_counts.py", "edge/signatures.py"),
    *("edge/signed_orders.py", "edge/visit_desk.py", "edge/visitor_codes.py"),
    *("edge/visitor_desk.py", "edge/visitor_gifts.py", "edge/visitor_words.py"),
    *("edge/people/answer.py", "edge/people/badges.py", "edge/people/cells.py"),
    *("edge/people/importer.py", "edge/people/table.py", "edge/picture_desk.py"),
    *("edge/present_alarms.py", "edge/signins/badge_entrance.py"),
    *("edge/signins/beside.py", "edge/signins/desk.py", "edge/signins/edge_desk.py"),
    *("edge/signins/edge_premises.py", "edge/signins/entrance.py", "edge/signins/held.py"),
    *("edge/signins/invitations.py", "edge/signins/parts.py", "edge/signins/passkeys.py"),
    *("edge/signins/terminals.py", "edge/web/forms.py", "edge/web/muster.py", "edge/web/visits.py"),
    *("policies/problems.py",),
    *("controller/acceptance.py", "controller/badges.py", "controller/entitled.py"),
    *("controller/fires.py", "controller/leadership.py", "controller/orders.py"),
    *("controller/points.py", "controller/signers.py", "controller/visits.py"),
)
"""Where what is said to somebody at a page is written."""

NOBODYS: Final = frozenset({"name", "pattern", "label"})
"""Arguments whose texts nobody reads on a page: names of tasks, forms of fields."""

WORD: Final = re.compile(r"[A-Za-z]{2,}")
SIGNS_MIN: Final = 5
"""Letters of a text around what is filled in: fewer would fit anything."""


def sentences() -> list[str]:
    """All of them, each once."""
    found: set[str] = set()
    for name in SOURCES:
        found |= set(said_in((ROOT / name).read_text("utf-8")))
    return sorted(found)


def said_in(source: str) -> Iterator[str]:
    """The texts of one module."""
    tree = ast.parse(source)
    unheard = {id(one) for part in _unheard(tree) for one in ast.walk(part)}
    texts = _Texts(tree)
    for node in ast.walk(tree):
        if id(node) in unheard:
            continue
        text = texts.of(node)
        if text is not None and _speaks(text):
            yield text


def _speaks(text: str) -> bool:
    bare = re.sub(r"%\(\w+\)s", "\0", text)
    words = WORD.findall(bare)
    if "\n" in text or " | " in text or len("".join(words)) < SIGNS_MIN:
        return False
    return " " in bare.strip()


def _unheard(tree: ast.Module) -> Iterator[ast.AST]:
    """Parts of which nothing is said to anybody at a page; of an f-string its pieces, for it is
    taken whole.
    """
    for node in ast.walk(tree):
        match node:
            case ast.Module() | ast.ClassDef() | ast.FunctionDef() | ast.AsyncFunctionDef():
                if getattr(node, "name", "") == "__repr__":
                    yield node
                yield from (one for one in node.body if _is_docstring(one))
            case ast.Call(func=ast.Attribute(value=ast.Name(id="log"))):
                yield node
            case ast.Call(func=ast.Name(id="AssertionError" | "TypeVar")) | ast.Assert():
                yield node
            case ast.keyword(arg=name) if name in NOBODYS:
                yield node
            case ast.JoinedStr():
                yield from (one for one in node.values if isinstance(one, ast.Constant))
            case ast.AnnAssign() | ast.arg() if node.annotation is not None:
                yield node.annotation


def _is_docstring(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


class _Texts:
    """What the strings of one module say, with its own texts in their places."""

    def __init__(self, tree: ast.Module) -> None:
        self._named = {
            target.id: text
            for node in tree.body
            if isinstance(node, ast.Assign)
            for target in node.targets
            if isinstance(target, ast.Name) and (text := self._plain(node.value)) is not None
        }

    def of(self, node: ast.AST) -> str | None:
        """None where it is no string."""
        plain = self._plain(node)
        if plain is not None:
            return plain.replace("%", "%%") if "%(" in plain else plain
        return self._with_places(node) if isinstance(node, ast.JoinedStr) else None

    def _plain(self, node: ast.AST) -> str | None:
        match node:
            case ast.Constant(value=str(text)):
                return text
            case ast.BinOp(left=left, op=ast.Add(), right=right):
                begin, end = self._plain(left), self._plain(right)
                return None if begin is None or end is None else begin + end
            case _:
                return None

    def _with_places(self, node: ast.JoinedStr) -> str:
        text, taken = "", set[str]()
        for part in node.values:
            if isinstance(part, ast.Constant):
                text += str(part.value).replace("%", "%%")
                continue
            assert isinstance(part, ast.FormattedValue)
            if isinstance(part.value, ast.Name) and part.value.id in self._named:
                text += self._named[part.value.id]
                continue
            name = plain = _named(part.value)
            number = 2
            while name in taken:
                name, number = f"{plain}{number}", number + 1
            taken.add(name)
            text += f"%({name})s"
        return text


def _named(value: ast.expr) -> str:
    """What a place is called: by what stands in it, or by what it is made of."""
    match value:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name.lower()
        case ast.Call(func=ast.Attribute(attr="join")):
            return "names"
        case ast.Subscript(value=inner) | ast.BinOp(left=inner) | ast.BoolOp(values=[inner, *_]):
            return _named(inner)
        case ast.Call(args=[first, *_]):
            return _named(first)
        case _:
            return "what"
