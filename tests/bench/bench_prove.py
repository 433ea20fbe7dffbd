"""How long the proofs of a policy take: all of a small embassy, one invariant after the other of a
large site.
"""

import time
from importlib import resources

from policies import CompiledPolicy
from policies.prove import proofs
from tests.bench import Figure
from tests.policies.large import large_text
from tests.policies.support import compiled

PORTALS, ROLES, GRANTS = 1_000, 500, 2_000
DECLARED = """
[[never]]
id = "n10"
roles = ["r1"]
reach = ["z10"]

[[never]]
id = "n20"
roles = ["r3"]
reach = ["z200"]

[[always]]
id = "a10"
roles = ["r8"]
from = ["z200"]
reach = ["street"]
in = ["normal", "lockdown", "shelter"]
"""


def run() -> list[Figure]:
    """The slowest invariant and all of them together."""
    embassy = resources.files("policies.examples").joinpath("embassy.toml").read_text("utf-8")
    figures = []
    for name, text in (
        ("embassy", embassy),
        (f"{PORTALS:,} portals, {ROLES} roles", large_text(PORTALS, ROLES, GRANTS) + DECLARED),
    ):
        took_s, asked = measure(compiled(text))
        slowest = max(took_s, key=lambda invariant: took_s[invariant])
        note = f"{slowest}, of {len(took_s)} invariants"
        figures.append(Figure(f"prove, {name}, slowest", took_s[slowest], "CPU s", note))
        note = f"{asked:,} decisions"
        figures.append(Figure(f"prove, {name}, all", sum(took_s.values()), "CPU s", note))
    return figures


def measure(policy: CompiledPolicy) -> tuple[dict[str, float], int]:
    """CPU seconds for each invariant, as other work on the machine is none of theirs, and how often
    `decide()` was asked.
    """
    took_s: dict[str, float] = {}
    asked = 0
    began = time.process_time()
    for proof in proofs(policy):
        ended = time.process_time()
        took_s[proof.id], began = ended - began, ended
        asked += proof.asked
    return took_s, asked
