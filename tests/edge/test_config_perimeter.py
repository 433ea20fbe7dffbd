"""Points, sources and barriers in the site file: what it must not say."""

import pytest
from click.testing import CliRunner

from edge.commands.check import check
from edge.config import ConfigError, load_config
from tests.edge.compound import Compound

WRONG = {
    "a point that is not wired": (
        '[point.beam]\ninput = { device = "yard", input = 5, inverted = true }\n'
        "supervised = true\n",
        "",
        "alarm point 'beam' of the policy is not wired",
    ),
    "a point that the policy does not have": ("[point.beam]", "[point.baem]", "no point of the"),
    "a line that two use": ("input = 6 }", "input = 5 }", "input 5 of 'yard' is already used"),
    "a mask beyond the device": ("input = 7 }", "input = 12 }", "'yard' has 10 inputs"),
    "a barrier without its loop": (
        'loop = { device = "yard", input = 2 }\n',
        "",
        "'loop' is not wired",
    ),
    "a barrier that nothing lowers": (
        'lower = { device = "yard", output = 1 }\n',
        "",
        "'lower' is not wired",
    ),
    "lowered by another device": (
        'lower = { device = "yard", output = 1 }',
        'lower = { device = "board", output = 1 }',
        "must hang on the device of the lock",
    ),
    "a loop where nothing is driven": (
        "[portal.yard-gate]\n",
        '[portal.yard-gate]\nloop = { device = "yard", input = 1 }\n',
        "the policy says that the portal is not driven",
    ),
    "a source that takes protection away": ('gives = "lockdown"', 'gives = "lift"', "lift"),
    "a level without raise": ('cover = "full"', "level = 3", "'raise' and 'level' belong together"),
    "raise without a level": ("level = 5\n", "", "'raise' and 'level' belong together"),
    "a cover without a lockdown": (
        'gives = "lockdown"',
        'gives = "shelter"',
        "only a lockdown has a cover",
    ),
    "a source for a zone that is none": (
        'cover = "full"',
        'cover = "full"\nzones = ["hal"]',
        "no zone 'hal'",
    ),
    "a source without a reason": (
        'reason = "the guard turned the key"\n',
        "",
        "'reason' is missing",
    ),
}


@pytest.fixture(scope="module")
def compound(tmp_path_factory: pytest.TempPathFactory) -> Compound:
    return Compound(tmp_path_factory.mktemp("compound"))


@pytest.mark.parametrize("name", WRONG)
def test_a_mistake_is_told_where_it_stands(compound: Compound, name: str) -> None:
    was, wrong, said = WRONG[name]
    text = (compound.folder / "site.toml").read_text()
    assert text.count(was) == 1
    file = compound.folder / "wrong.toml"
    file.write_text(text.replace(was, wrong))
    with pytest.raises(ConfigError) as refused:
        load_config(file)
    assert said in str(refused.value)


def test_check_says_of_which_lines_a_cut_is_not_seen(compound: Compound) -> None:
    done = CliRunner().invoke(check, ["--config", str(compound.folder / "site.toml")])
    assert done.exit_code == 0, done.output
    said = "3 alarm points, 2 local sources; of two states alone, a cut is not seen: "
    assert f"{said}point hall-pir, source guard-key, source panic" in done.output
