"""Mistakes planted in the engine's own source, one at a time, and whether the tests see them.

A mutant is the source with one operator, constant or statement changed. Each runs in a process of
its own on a copy of the package, against the second reading and, where that sees nothing, against
the properties.
"""

import ast
import inspect
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

import policies
from tests.policies import test_properties, test_properties_of_policies
from tests.policies.comparison import compared
from tests.records import ROOT

MUTATED = ("case.py", "decide.py", "gates.py", "grants.py", "limits.py")
SECONDS_MAX = 180
"""A mutant that takes longer does not answer, and is seen by that."""

POLICIES, AT_ONCE, QUESTIONS = 100, 5, 100
SURVIVED = "survived"

Swaps = dict[type[ast.AST], type[ast.AST]]
OPPOSITES: Swaps = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.And: ast.Or,
    ast.Or: ast.And,
}


EQUIVALENT = {
    "if len(against) > 1: -> if len(against) >= 1:": "one alone is in order",
    "left = request.inside.get(zone.id, 0) - 1 -> left = request.inside.get(zone.id, 1) - 1": (
        "nobody or fewer are left: a minimum asks nothing of either"
    ),
}
"""Mutants that are no mistakes, with the reason."""


class Mutant(NamedTuple):
    """The source of `file` with its node `number`, on `line`, changed."""

    file: str
    line: int
    number: int

    def made(self) -> tuple[str, str]:
        """The line as it was and as it is, and the whole source."""
        tree = ast.parse(_source(self.file))
        before = ast.unparse(tree).split("\n")
        _mutate(list(ast.walk(tree))[self.number])
        source = ast.unparse(ast.fix_missing_locations(tree))
        pairs = zip(before, source.split("\n"), strict=False)
        old, new = next((old.strip(), new.strip()) for old, new in pairs if old != new)
        return f"{old} -> {new}", source


def mutants() -> list[Mutant]:
    """Every one of them, in the order of the source."""
    found = []
    for file in MUTATED:
        tree = ast.parse(_source(file))
        inside = {
            id(node)
            for function in ast.walk(tree)
            if isinstance(function, ast.FunctionDef)
            for statement in function.body
            for node in ast.walk(statement)
        }
        for number, node in enumerate(ast.walk(tree)):
            if id(node) in inside and _mutable(node):
                assert isinstance(node, ast.expr | ast.stmt)
                found.append(Mutant(file, node.lineno, number))
    return sorted(found)


def _source(file: str) -> str:
    return (Path(policies.__file__).parent / file).read_text("utf-8")


def _mutable(node: ast.AST) -> bool:
    match node:
        case ast.If(test=ast.Name() | ast.Attribute() | ast.Call()):
            return True
        case ast.Expr(value=ast.Call()) | ast.UnaryOp(op=ast.Not()):
            return True
        case ast.Constant(value=int()):
            return True
    return isinstance(node, ast.Compare | ast.BoolOp | ast.IfExp | ast.AugAssign)


def _mutate(node: ast.AST) -> None:
    match node:
        case ast.Compare():
            node.ops[-1] = OPPOSITES[type(node.ops[-1])]()  # type: ignore[call-overload]
        case ast.BoolOp():
            node.op = OPPOSITES[type(node.op)]()  # type: ignore[assignment]
        case ast.IfExp():
            node.body, node.orelse = node.orelse, node.body
        case ast.If():
            node.test = ast.UnaryOp(ast.Not(), node.test)
        case ast.UnaryOp():
            node.operand = ast.UnaryOp(ast.Not(), node.operand)
        case ast.Expr():
            node.value = ast.Constant(None)
        case ast.AugAssign():
            node.value = ast.Constant(0) if isinstance(node.op, ast.BitOr) else ast.Tuple([])
        case ast.Constant():
            flag = isinstance(node.value, bool)
            node.value = not node.value if flag else node.value + 1  # type: ignore[operator]


class Verdict(NamedTuple):
    """What saw a mistake, in a few words; `SURVIVED` if nothing did."""

    mutant: Mutant
    what: str
    seen_by: str

    @property
    def wrong(self) -> bool:
        """It survived and should not, or is called equivalent and is not."""
        return (self.seen_by == SURVIVED) is not (self.what in EQUIVALENT)


def judged(mutant: Mutant) -> Verdict:
    """Runs it in a process of its own."""
    what, source = mutant.made()
    return Verdict(mutant, what, _seen_by(mutant.file, source))


def _seen_by(file: str, source: str) -> str:
    with tempfile.TemporaryDirectory() as folder:
        package = Path(policies.__file__).parent
        copy = Path(folder) / package.name
        shutil.copytree(package, copy, ignore=shutil.ignore_patterns("__pycache__"))
        (copy / file).write_text(source, "utf-8")
        judge = f"from {__name__} import judge; judge({folder!r})"
        try:
            ran = subprocess.run(
                [sys.executable, "-c", judge],
                cwd=folder,  # the first place where -c looks for packages
                env=os.environ | {"PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"},
                capture_output=True,
                text=True,
                timeout=SECONDS_MAX,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return f"the time: {SECONDS_MAX} s"
    if ran.returncode == 0:
        return ran.stdout.strip()
    last = ran.stderr.strip().splitlines()[-1:]
    return f"error: {''.join(last)[:100]}"


def judge(folder: str) -> None:
    """Says on standard output what sees that this package is not as it should be."""
    assert Path(policies.__file__).parent.parent == Path(folder).resolve(), "not the mutant"
    for first in range(0, POLICIES, AT_ONCE):
        if found := compared(range(first, first + AT_ONCE), QUESTIONS).differences:
            sys.stdout.write(f"reading: {found[0][:100]}\n")
            return
    for module in (test_properties, test_properties_of_policies):
        for name, test in inspect.getmembers(module, inspect.isfunction):
            if name.startswith("test_") and not inspect.signature(test).parameters:
                try:
                    test()
                except AssertionError:
                    sys.stdout.write(f"property: {name}\n")
                    return
    sys.stdout.write(f"{SURVIVED}\n")
