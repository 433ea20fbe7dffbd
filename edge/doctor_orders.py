"""Whether what can be ordered here can be ended again."""

from collections.abc import Iterator

from edge.config import Config
from edge.doctor import Finding, Patient, ok, warn
from edge.signatures import Use
from policies.rights import TWO_PEOPLE, OrderKind

MAKE = "`sentrypost key new NAME --may order` makes a key; its entry goes into every site file"


def orders(patient: Patient) -> Iterator[Finding]:
    """Who may sign, against what the policy asks for. Whether those people have the roles, only a
    running edge knows.
    """
    config = patient.config
    if config is None:
        return
    people = {key.person for key in config.keys if Use.ORDER in key.may}
    found = list(_lacking(config, people))
    yield from found
    if not found:
        yield ok(f"{len(people)} people have keys that sign orders")


def _lacking(config: Config, people: set[str]) -> Iterator[Finding]:
    if len(people) < 2:
        count = "one person has" if people else "nobody has"
        locked = " while a switch here locks" if config.local_sources and not people else ""
        yield warn(
            f"{count} a key that signs orders{locked}: a lockdown needs two people to be lifted",
            MAKE,
        )
        return
    on_file = {key.person for key in config.keys if Use.ORDER in key.may and key.holder}
    for kind in sorted(TWO_PEOPLE - {OrderKind.POLICY}):
        rule = config.policy.orders.get(kind)
        if rule is not None and len(on_file) < rule.people:
            yield warn(
                f"the policy's [order.{kind}] asks for {rule.people} people on file, and the keys "
                f"of {len(on_file)} say who that is",
                'write holder = "…", the id on file, into the [key.…] entries',
            )
