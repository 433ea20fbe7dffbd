"""`docs/devices.md` tells of every driver that is installed, and tells all of it."""

import msgspec
import pytest

from docs import devices_page, generate
from drivers.family import About
from edge.lines import families

PAGE = (generate.DOCS / "devices.md").read_text()


@pytest.mark.parametrize("name", sorted(families()))
def test_every_driver_is_told_of_with_its_keys_and_what_it_was_tested_against(name: str) -> None:
    family = families()[name]
    (row,) = [line for line in PAGE.splitlines() if line.startswith(f"| [`{name}`](#{name}) |")]
    assert family.about.on_hardware in row
    assert all(one in row for one in family.about.tested_against)
    keys = PAGE.partition(f"\n### {name}\n")[2].partition("\n### ")[0]
    for _, struct, elsewhere in devices_page.own_keys(family):
        for field in msgspec.structs.fields(struct):
            assert (f"| `{field.encode_name}` |" in keys) is (field.encode_name not in elsewhere)


def test_a_driver_that_leaves_out_what_it_was_tested_against_is_refused() -> None:
    osdp = families()["osdp"]
    silent = msgspec.structs.replace(osdp, about=About(what="readers", tested_against=()))
    with pytest.raises(devices_page.UntoldError, match="osdp"):
        devices_page.families_table({"osdp": silent})


def test_a_driver_without_words_for_a_key_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(generate.DEVICE_KEYS, "osdp", {"address": "?"})  # type: ignore[arg-type]
    with pytest.raises(generate.DriftError, match="key"):
        generate.driver_keys()


def test_a_driver_without_any_words_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(generate.LINE_KEYS, "osdp")  # type: ignore[arg-type]
    with pytest.raises(generate.DriftError, match="osdp"):
        generate.driver_keys()
