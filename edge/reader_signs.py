"""What a reader shows: its light, its sounds, and a word on its display. It never tells why."""

from controller import effects
from controller.ids import EffectId, ReaderId
from drivers import api

SIGN_MS = 1_500
"""How long a reader shows a verdict: long enough to see, gone before the next person."""

PROMPT_MS = 20_000

_LIGHTS = {
    effects.Sign.GRANTED: (api.Color.GREEN, SIGN_MS, False, 1),
    effects.Sign.DENIED: (api.Color.RED, SIGN_MS, True, 2),
    effects.Sign.TRY_AGAIN: (api.Color.AMBER, SIGN_MS, True, 2),
    effects.Sign.CLOSE: (api.Color.AMBER, SIGN_MS, True, 4),
    effects.Sign.PRESENT_PIN: (api.Color.AMBER, PROMPT_MS, True, 1),
    effects.Sign.PRESENT_SECOND: (api.Color.AMBER, PROMPT_MS, True, 2),
    effects.Sign.LOOK_AT_CAMERA: (api.Color.AMBER, PROMPT_MS, True, 1),
    effects.Sign.TURN_LEFT: (api.Color.AMBER, PROMPT_MS, True, 1),
    effects.Sign.TURN_RIGHT: (api.Color.AMBER, PROMPT_MS, True, 1),
    effects.Sign.WAIT_FOR_GUARD: (api.Color.AMBER, PROMPT_MS, True, 1),
}

# What a display shows beside the light: the same to everybody, and never why.
_TEXTS = {
    effects.Sign.GRANTED: "Go ahead",
    effects.Sign.DENIED: "Denied",
    effects.Sign.TRY_AGAIN: "Try again",
    effects.Sign.CLOSE: "Close the door",
    effects.Sign.PRESENT_PIN: "Enter your PIN",
    effects.Sign.PRESENT_SECOND: "Second person",
    effects.Sign.LOOK_AT_CAMERA: "Look at camera",
    effects.Sign.TURN_LEFT: "Turn left",
    effects.Sign.TURN_RIGHT: "Turn right",
    effects.Sign.WAIT_FOR_GUARD: "Please wait",
}


def signs_for(
    effect: effects.Effect, reader: ReaderId, sign: effects.Sign, *, display: bool
) -> list[api.Command]:
    """A sign at one reader; `display`: it has one."""
    color, for_ms, blink, beeps = _LIGHTS[sign]
    light = api.Light(0, color, for_ms, blink)
    name = f"{effect.id}.{reader}"  # one effect may be shown at two readers
    signs: list[tuple[str, api.Action]] = [("light", light), ("beep", api.Beep(0, beeps))]
    if display:
        signs.append(("text", api.Show(0, _TEXTS[sign], for_ms)))
    return [
        command_for(
            EffectId(f"{name}.{part}"), reader, action, api.Priority.SIGNAL, effect.not_after_us
        )
        for part, action in signs
    ]


def command_for(
    command_id: EffectId,
    device: str,
    action: api.Action,
    priority: api.Priority,
    not_after_us: int | None,
) -> api.Command:
    """One wish for one device."""
    return api.Command(
        id=command_id,
        device=device,
        action=action,
        priority=priority,
        not_after_ns=None if not_after_us is None else not_after_us * 1_000,
    )
