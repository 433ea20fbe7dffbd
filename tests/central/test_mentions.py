"""What an entry is found by, of every kind and version of events that there is."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from central.mentions import bucket, mentions
from controller.events import decode_entry

GOLDEN = Path(__file__).parents[1] / "golden" / "events"

ONE = ("holder", "visitor", "host", "recipient", "bearer", "receiver")
SEVERAL = ("holders", "unsure", "gone")
NOT_SAID = {
    # Who was let through is mentioned with the decision and the passage.
    "passing",
    # For whom somebody comes along: mentioned with the attempt of his own.
    "first",
}


def said(value: Any) -> Iterator[tuple[str, str]]:
    """Every holder and portal that stands anywhere in a body, by the name of its field."""
    if isinstance(value, list):
        for one in value:
            yield from said(one)
    elif isinstance(value, dict):
        for name, inner in value.items():
            if name in NOT_SAID:
                continue
            if name in ONE and isinstance(inner, str):
                yield "holder", inner
            elif name in ONE and isinstance(inner, dict):
                yield "holder", inner["id"]
            elif name in SEVERAL and isinstance(inner, list):
                yield from (("holder", holder) for holder in inner)
            elif name == "portal":
                yield "portal", inner
            elif name == "decision":
                yield "code", str(inner["code"])
            else:
                yield from said(inner)


@pytest.mark.parametrize("path", sorted(GOLDEN.glob("*.json")), ids=lambda path: path.stem)
def test_every_person_and_portal_of_an_entry_leads_to_it(path: Path) -> None:
    data = path.read_bytes().strip()
    entry, whole = decode_entry(data), json.loads(data)
    drill = {("drill", "")} if whole["drill"] else set()
    assert {tuple(one) for one in mentions(entry)} == {*said(whole["body"])} | drill


def test_a_bucket_tells_people_of_a_site_apart_and_nobody_in_the_world() -> None:
    buckets = {bucket(f"Person {number}") for number in range(300)}
    assert len(buckets) > 280
    assert max(buckets) < 2**16
