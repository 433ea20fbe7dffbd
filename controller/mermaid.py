"""A table of moves as a Mermaid state diagram."""

from collections.abc import Iterable


def state_diagram(states: Iterable[str], moves: Iterable[tuple[str, str, str]]) -> str:
    """`moves`: from, to, signal. Names keep their hyphens as labels; ids may have none."""
    lines = ["stateDiagram-v2"]
    lines += [f'    state "{state}" as {_id(state)}' for state in states]
    lines += [f"    {_id(source)} --> {_id(target)}: {signal}" for source, target, signal in moves]
    return "\n".join(lines) + "\n"


def _id(state: str) -> str:
    return state if state == "[*]" else state.replace("-", "_")
