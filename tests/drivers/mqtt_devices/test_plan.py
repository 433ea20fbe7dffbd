"""What cannot be as it is described is refused when it is loaded, in words that name the remedy."""

import msgspec
import pytest

from drivers.family import DeviceSpec, LineSpec, Timer
from drivers.mqtt_devices.family import MqttDevice, MqttLine, build, family
from drivers.mqtt_devices.mapping import ready_mappings
from drivers.mqtt_topics import matches
from tests.drivers.mqtt_devices.field_rig import mapping_of, plan

LOCK = """
what = "lock"
[ask]
topic = "door/ask"
payload = ""
answer = { topic = "door/state", path = "up" }
[[output]]
number = 0
topic = "door/state"
path = "open"
on = [true]
off = [false]
[[command]]
number = 0
topic = "door/set"
pulse = "open {ms}"
on = "open"
off = "close"
step-ms = 100
ms-max = 60000
"""
READER = """
what = "reader"
silent-after-s = 60
[[badge]]
topic = "reader/tag"
form = "hex"
"""


def problems(mapping: str, **options: object) -> str:
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - what it says is looked at
        plan(mapping_of(mapping), **{"topic": None, **options})
    return "\n".join(caught.value.args)


def test_what_the_refusals_below_begin_with_is_right():
    assert plan(mapping_of(LOCK), topic=None, outputs=1).timer() == Timer(100, 60_000)
    assert plan(mapping_of(READER), topic=None).timer() is None


@pytest.mark.parametrize(
    ("before", "after", "says"),
    [
        ("open {ms}", "open", "its pulse does not say for how long"),
        ("step-ms = 100\n", "", "what the device itself can time"),
        ('on = "open"', 'on = "open {ms}"', "no time can stand in them"),
        ("open {ms}", "open {tenths} {seconds}", "{seconds} is not known in a payload"),
        ("step-ms = 100", "step-ms = 50\npulse-off = '{tenths}'", "a multiple of 100"),
        ("ms-max = 60000", "ms-max = 60000\nrelock-ms = 5000", "one time, and none can be told"),
        ("off = [false]", "off = [true]", "both on and off"),
        ("[[output]]\nnumber = 0", "[[output]]\nnumber = 3", "has output 3, the device 1 of them"),
        ('"door/set"', '"door/+"', "has a wildcard"),
        ('"door/set"', '"sentrypost/v1/hq/gate/order"', "where edges and central speak alone"),
        ('topic = "door/state"', 'topic = "sentrypost/#"', "where edges and central speak alone"),
        ('topic = "door/state"', 'topic = "+/state"', "takes nothing of others"),
        ('topic = "door/state"', 'topic = "#"', "takes nothing of others"),
        ('topic = "door/state"', 'topic = "$SYS/broker"', "takes nothing of others"),
        ('topic = "door/state"', 'topic = "door/#/x"', "not its last level"),
        ('topic = "door/state"', 'topic = "door/a+"', "not a whole level"),
        ('topic = "door/state"', 'topic = "{topic}/state"', "needs `topic`"),
        ('topic = "door/state"', 'topic = "{room}/state"', "{room} is not known"),
        ('path = "open"', 'path = "open.{m}"', "only {n} and {n1}"),
    ],
)
def test_a_lock_that_cannot_be_as_it_is_described(before, after, says):
    assert before in LOCK
    assert says in problems(LOCK.replace(before, after), outputs=1)


def test_a_lock_that_neither_answers_nor_knows_when_a_release_ends_would_open_late():
    begin, end = LOCK.index("[ask]"), LOCK.index("[[output]]")
    without = LOCK[:begin] + "silent-after-s = 60\n" + LOCK[end:]
    assert "would open it late" in problems(without, outputs=1)
    plan(mapping_of(without.replace("open {ms}", "open {ms} {until}")), topic=None, outputs=1)


def test_an_output_that_nobody_can_tell_or_hear_of():
    assert "cannot tell output 0" in problems(READER, outputs=1)
    begin, end = LOCK.index("[[output]]"), LOCK.index("[[command]]")
    assert "whether output 0 obeyed" in problems(LOCK[:begin] + LOCK[end:], outputs=1)
    answer = 'answer = { topic = "door/done", id = "id", done = "ok" }\n'
    assert "name {id} in every payload" in problems(LOCK + answer, outputs=1)


@pytest.mark.parametrize(
    ("before", "after", "says"),
    [
        ("silent-after-s = 60\n", "", "nothing says that the device has gone"),
        ('form = "hex"', 'form = "number"', "needs `bits` or `bits-path`"),
        ('form = "hex"', 'form = "hex"\nbits = 32', "say by themselves"),
        ('form = "hex"', 'form = "number"\nbits = 2\nbits-less = 2', "leaves no bits"),
        ('form = "hex"', 'form = "hex"\ntime = { path = "t", form = "unix" }', "no time in it"),
    ],
)
def test_a_reader_that_cannot_be_as_it_is_described(before, after, says):
    assert before in READER
    assert says in problems(READER.replace(before, after))


def test_a_reader_of_which_the_site_file_asks_for_more_than_its_mapping_says():
    assert "nothing in the mapping says how input 0 is" in problems(READER, inputs=1)
    assert "says nothing of keys" in problems(READER, keypad=True)
    assert "no use for `topic`" in problems(READER, topic="gate1")


@pytest.mark.parametrize("topic", ["", "a/#", "+", 'a"b', "a\nb", "  "])
def test_a_name_that_is_no_part_of_a_topic(topic):
    with pytest.raises(ValueError, match="`topic`"):
        plan("tasmota", topic=topic)


def test_every_ready_mapping_is_whole():
    names = {
        "tasmota": {"inputs": 8, "outputs": 8},
        "esphome": {"inputs": 8, "outputs": 8},
        "esp-rfid": {"inputs": 2, "name": "gate1"},
        "shelly-gen2": {"inputs": 4, "outputs": 4},
        "zigbee2mqtt-contact": {"inputs": 1, "name": "door"},
        "zigbee2mqtt-motion": {"inputs": 1, "name": "pir"},
        "zigbee2mqtt-button": {"inputs": 1, "name": "exit"},
        "zigbee2mqtt-relay": {"outputs": 1, "name": "strike"},
        "zigbee2mqtt-lock": {"outputs": 1, "name": "lock", "relock_ms": 5_000},
    }
    assert names.keys() == ready_mappings().keys()
    for name, options in names.items():
        made = plan(name, **options)
        assert (made.timer() is not None) is (made.outputs > 0)


def test_how_old_a_message_may_be_is_for_devices_that_say_a_unix_time():
    plan("shelly-gen2", inputs=1, max_age_s=30)
    for name in ("tasmota", "esphome"):
        with pytest.raises(ValueError, match="`max-age-s` is for a device that says the Unix time"):
            plan(name, inputs=1, keypad=True, max_age_s=30)
    text = """
        what = "x"
        silent-after-s = 60
        [[badge]]
        topic = "a/b"
        path = "c"
        form = "hex"
        time = { path = "n", form = "counter", max-age-s = 30 }
    """
    with pytest.raises(ValueError, match="`max-age-s` needs a Unix time"):
        plan(mapping_of(text), topic=None)


def test_an_answer_repeats_a_number_only_if_it_was_asked_with_one():
    text = """
        what = "x"
        ask = { topic = "a/ask", payload = "?", answer = { topic = "a/b", path = "c", id = "n" } }
    """
    with pytest.raises(ValueError, match="its answer to `ask` repeats a number"):
        plan(mapping_of(text), topic=None)
    plan(mapping_of(text.replace('"?"', '"{id}"')), topic=None)


def test_a_board_that_cannot_be_told_to_lock_carries_no_lock():
    with pytest.raises(ValueError, match="cannot tell output 0 to lock and unlock"):
        plan("esp-rfid", topic="rfid", name="gate1", outputs=1)


def test_a_lock_behind_zigbee2mqtt_needs_its_own_time_and_others_have_no_use_for_it():
    with pytest.raises(ValueError, match="as `relock-ms`"):
        plan("zigbee2mqtt-lock", topic="z", name="lock", outputs=1)
    with pytest.raises(ValueError, match="this one's can"):
        plan("tasmota", outputs=1, relock_ms=5_000)


@pytest.mark.parametrize(
    ("wanted", "topic", "fits"),
    [
        ("a/b", "a/b", True),
        ("a/b", "a/b/c", False),
        ("a/+", "a/b", True),
        ("a/+", "a", False),
        ("a/+/c", "a/b/c", True),
        ("a/#", "a/b/c", True),
        ("a/#", "a", True),
        ("a/#", "ab", False),
        ("a/+", "a/", True),
    ],
)
def test_filters(wanted, topic, fits):
    assert matches(wanted, topic) is fits


def line(options: MqttLine | None = None, **device: object) -> LineSpec:
    wired = MqttDevice(**{"line": "field", "mapping": "tasmota", "topic": "gate1", **device})
    return LineSpec(
        name="field",
        options=options or MqttLine(driver="mqtt", host="broker"),
        devices=(DeviceSpec(name="gate1", options=wired),),
    )


def refused(spec: LineSpec) -> str:
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - what it says is looked at
        build(spec)
    return "\n".join(caught.value.args)


@pytest.mark.parametrize(
    "options",
    [
        MqttLine(driver="mqtt", host="broker"),
        MqttLine(driver="mqtt", host="broker", own_rights=True),
        MqttLine(driver="mqtt", host="broker", ca="ca.pem"),
    ],
)
def test_a_pin_goes_over_mqtt_only_where_nobody_can_read_it_or_make_it_up(options):
    spec = msgspec.structs.replace(line(options, keypad=True), files={"ca": b""})
    said = refused(spec)
    assert "device gate1: a PIN goes over MQTT only" in said


def test_a_device_tells_its_problems_at_its_name():
    assert "device gate1: no mapping 'tasmoto'; did you mean 'tasmota'?" in refused(
        line(mapping="tasmoto")
    )
    assert "device gate1: the mapping needs `topic`" in refused(line(topic=None))
    assert "0..64 inputs and outputs" in refused(line(inputs=65))


@pytest.mark.parametrize(
    ("one", "two", "says"),
    [
        ({}, {}, "it reads the same as 'gate1' does"),
        ({"outputs": 1}, {"outputs": 1}, "it locks the same as 'gate1' does"),
        ({}, {"outputs": 1}, ""),
        ({}, {"topic": "gate2"}, ""),
        ({"outputs": 1}, {"inputs": 1}, ""),
    ],
)
def test_two_devices_that_are_one(one, two, says):
    first, second = line(**one), line(**two)
    renamed = msgspec.structs.replace(second.devices[0], name="gate2")
    spec = msgspec.structs.replace(first, devices=(*first.devices, renamed))
    if says:
        assert f"device gate2: {says}" in refused(spec)
    else:
        build(spec)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"password_file": "p"}, "`password-file` without `username`"),
        ({"certificate": "c"}, "`certificate` and `key` go together"),
        ({"certificate": "c", "key": "k"}, "needs `ca`"),
    ],
)
def test_a_line_whose_keys_do_not_go_together(options, says):
    assert says in refused(line(MqttLine(driver="mqtt", host="broker", **options)))


def test_files_that_hold_no_certificate_are_told_without_a_word_of_them():
    options = MqttLine(driver="mqtt", host="broker", ca="ca.pem")
    spec = msgspec.structs.replace(line(options), files={"ca": b"private"})
    assert refused(spec) == "`ca` holds no certificate in PEM"


def test_how_long_a_device_can_time_its_outputs():
    spec = line(outputs=1).devices[0].options
    assert family.timer(spec) == Timer(50, 3_600_000)
    assert family.timer(line(outputs=0).devices[0].options) is None
    wrong = line(mapping="nothing", outputs=1).devices[0].options
    assert family.timer(wrong) is None
