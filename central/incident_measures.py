"""Measures that are tests: a recorded decision, and what every policy from one on has to answer."""

import msgspec

from central.archive import Archived
from central.incidents import PolicyTest, recorded
from controller.events import EntryError
from edge.present import clean
from policies.codes import TEXTS, Code
from policies.compiled import CompiledPolicy
from policies.whatif import Comparison, Outcome, again


class WhatIfError(Exception):
    """The policy is no measure against this decision; behind the semicolon what to do."""


class Held(msgspec.Struct, frozen=True, kw_only=True):
    """Whether a measure holds under a policy. `now`: what it answers, and why; empty where it
    cannot be asked.
    """

    incident: int
    measure: str
    entry: int
    expected: str
    now: str
    holds: bool
    why: str = ""

    @property
    def line(self) -> str:
        state = "holds" if self.holds else "DOES NOT HOLD"
        said = self.why or f"it is {self.now}"
        what = f"entry {self.entry} has to be {self.expected}, {said}"
        return clean(f"incident {self.incident} {state}: {self.measure}: {what}")


def policy_test(policy: CompiledPolicy, archived: Archived) -> PolicyTest:
    """The test that this policy passes and the recorded verdict does not. Raises WhatIfError."""
    try:
        comparison = again(policy, recorded(archived.entry))
    except EntryError as error:
        raise WhatIfError(f"{error}; name an entry of the kind decision-made") from error
    if comparison.outcome not in (Outcome.OPENS, Outcome.SHUTS):
        verdict = "granted" if comparison.recorded.decision.granted else "refused"
        raise WhatIfError(
            f"{comparison.why or f'under this policy it is {verdict} as it was'};"
            " a measure is a policy that grants what was refused or refuses what was granted"
        )
    assert comparison.now is not None
    return PolicyTest(
        entry=archived.data.decode(),
        granted=comparison.now.granted,
        code=int(comparison.now.code),
        version=policy.version,
        policy=policy.digest,
    )


def held(policy: CompiledPolicy, incident: int, measure: str, test: PolicyTest) -> Held:
    """Whether the policy grants or refuses as the test wants it; for which reason is its own."""
    comparison = again(policy, test.recorded)
    return Held(
        incident=incident,
        measure=measure,
        entry=comparison.recorded.seq,
        expected="granted" if test.granted else "refused",
        now=_answer(comparison),
        holds=comparison.now is not None and comparison.now.granted == test.granted,
        why=comparison.why,
    )


def _answer(comparison: Comparison) -> str:
    if comparison.now is None:
        return ""
    verdict = "granted" if comparison.now.granted else "refused"
    code = Code(comparison.now.code)
    return f"{verdict}: {TEXTS[code]} ({code:d})"
