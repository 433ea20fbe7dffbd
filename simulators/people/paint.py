"""The colours of a face on the flat sheet: skin, lips, eyes, brows, beard, glasses."""

from typing import NamedTuple

import cv2
import numpy as np

from simulators.people import canvas
from simulators.people.canvas import ACROSS, Floats, X, Y, bump, columns, ramp, ring
from simulators.people.traits import BeardStyle, Glasses, Traits

SIDES = (-1, 1)
"""The two halves of a face, as factors of x."""

PUPIL = (8, 8, 8)
GLINT = (250, 250, 250)
WHITE_OF_EYE = (205, 212, 218)
INSIDE_OF_MOUTH = (25, 20, 45)


class Expression(NamedTuple):
    """Each 0..1. Eyes shut (`blink` 1) keep a slit: a line alone is found by no landmarks."""

    blink: float = 0.0
    smile: float = 0.0
    mouth: float = 0.0


CALM = Expression()


class Grain(NamedTuple):
    """The unevenness of somebody's skin, and where the freckles lie."""

    fine: Floats
    middle: Floats
    broad: Floats
    spots: Floats


def paint(person: Traits, expression: Expression, grain: Grain) -> tuple[Floats, Floats]:
    """The painted sheet, and how far the beard stands out."""
    sheet = _skin(person, grain)
    sheet, lips = _lips(sheet, person, expression, grain)
    for side in SIDES:
        sheet = _nostril(sheet, person, side)
        sheet = _eye(sheet, person, expression.blink, side)
        sheet = _brow(sheet, person, grain, side)
    sheet, thick = _beard(sheet, person, grain, lips)
    if person.spectacles.style is not Glasses.NONE:
        _glasses(sheet, person)
    return sheet, thick


def _skin(person: Traits, grain: Grain) -> Floats:
    red = 0.10 * bump(ACROSS - 0.55, Y - 0.42, 0.3, 0.22)
    red = red + 0.08 * bump(X, Y - person.nose.length * 0.8, 0.16, 0.14)
    uneven = 0.05 * grain.broad + 0.025 * grain.middle + 0.02 * grain.fine
    sheet = person.skin * (1 + uneven)[..., None]
    sheet = sheet * (1 - red[..., None] * np.array([1.2, 1.0, 0.1], np.float32))
    socket = bump(ACROSS - person.eyes.apart * 0.93, Y - 0.03, 0.27, 0.16)
    sheet = canvas.darkened(sheet, 0.25 * socket * (0.6 + 0.4 * person.age))
    if person.flesh.freckled:
        for across, down in grain.spots:
            spot = [(across - 0.5) * 1.3, 0.15 + down * 0.6]
            canvas.dot(sheet, spot, 0.012, (person.skin * 0.66).tolist())
    return sheet


def _lips(
    sheet: Floats, person: Traits, expression: Expression, grain: Grain
) -> tuple[Floats, Floats]:
    """The sheet with lips, and where they are."""
    mouth = person.mouth
    half = mouth.width * (1 + 0.18 * expression.smile)
    along = np.linspace(-1, 1, 33)
    middle = mouth.height - 0.05 * expression.smile * np.abs(along) ** 2
    gap = 0.16 * expression.mouth
    bow = np.exp(-(((np.abs(along) - 0.22) / 0.15) ** 2)) - 1.3 * np.exp(-((along / 0.1) ** 2))
    upper = middle - mouth.upper * (1 - along**2) ** 0.8 - mouth.cupid * bow
    lower = middle + (mouth.lower + gap) * (1 - along**2) ** 0.75
    colour = person.skin * np.array([0.72, 0.66, 0.86])
    colour = colour * (1 - mouth.colour * np.array([0.35, 0.45, 0.05]))
    there = canvas.mask(ring(columns(along * half, upper), columns(along * half, lower)), 0.012)
    sheet = canvas.laid_over(sheet, there, colour * (1 + 0.05 * grain.fine[..., None]))
    if expression.mouth > 0.1:
        inside = middle + gap * (1 - along**2) ** 0.75
        opening = ring(
            columns(along * half * 0.8, middle - 0.01), columns(along * half * 0.8, inside)
        )
        canvas.fill(sheet, opening, INSIDE_OF_MOUTH)
    between = columns(along * half * 1.02, middle + 0.006 * np.cos(along * 9))
    canvas.stroke(sheet, between, (colour * 0.38).tolist(), 0.022)
    return sheet, there


def _nostril(sheet: Floats, person: Traits, side: int) -> Floats:
    nose = person.nose
    hole = bump(X - side * nose.width * 0.45, Y - nose.length * 0.985, 0.062, 0.028)
    wing = bump(X - side * nose.width * 0.98, Y - nose.length * 0.93, 0.025, 0.07)
    return canvas.darkened(canvas.darkened(sheet, 0.75 * hole), 0.3 * wing)


def _eye(sheet: Floats, person: Traits, blink: float, side: int) -> Floats:
    eyes, skin = person.eyes, person.skin
    along = np.linspace(0, 1, 25)
    across = side * (eyes.apart + (along - 0.5) * 2 * eyes.width)
    slant = (along - 0.5) * 2 * (-eyes.slant)
    open_ = 1 - 0.74 * blink
    upper = -np.sin(np.pi * along**0.9) * eyes.height * 1.15
    lower = np.sin(np.pi * along) * eyes.height * 0.8
    lower = lower * (0.3 + 0.7 * open_)
    edge = upper * open_ + lower * 0.3 * (1 - open_)
    if blink < 0.7:
        fold = columns(across, upper - 0.05 - 0.03 * eyes.lid + slant)
        canvas.stroke(sheet, fold, (skin * (0.62 + 0.3 * blink)).tolist(), 0.014)
    lid, below = columns(across, edge + slant), columns(across, lower + slant)
    sheet = canvas.laid_over(sheet, canvas.mask(ring(lid, below), 0), _eyeball(sheet, person, side))
    lashes = 0.022 if person.masculine else 0.030
    canvas.stroke(sheet, lid, (skin * 0.16).tolist(), lashes)
    canvas.stroke(sheet, below, (skin * 0.5).tolist(), 0.012)
    return sheet


def _eyeball(sheet: Floats, person: Traits, side: int) -> Floats:
    """A sheet of white with iris and pupil, of which the lids leave a part."""
    eyes = person.eyes
    ball = np.zeros_like(sheet)
    ball[:] = WHITE_OF_EYE
    ball = canvas.darkened(ball, 0.35 * ramp(-Y, 0, 0.1))
    x, y = side * eyes.apart, -0.008
    canvas.dot(ball, (x, y), 0.098, (np.array(eyes.iris) * 0.5).tolist())
    canvas.dot(ball, (x, y), 0.084, eyes.iris)
    canvas.dot(ball, (x, y), 0.04, PUPIL)
    canvas.dot(ball, (x + 0.03, y - 0.035), 0.017, GLINT)
    return ball


def _brow(sheet: Floats, person: Traits, grain: Grain, side: int) -> Floats:
    brows = person.brows
    along = np.linspace(-1, 1, 21)
    middle = -brows.height - 0.07 * (1 - ((along - 0.25) / 1.3) ** 2) + 0.07 - brows.angle * along
    half = brows.thickness * (1 - 0.55 * np.clip(along, 0, 1) ** 2)
    half = half * (1 - 0.25 * np.clip(-along, 0, 1) ** 4) * 0.5
    across = side * (person.eyes.apart * 1.02 + brows.length * along)
    outline = ring(columns(across, middle - half), columns(across, middle + half))
    there = canvas.mask(outline, 0.016) * brows.density * np.clip(1 + 0.35 * grain.fine, 0, 1.2)
    colour = np.minimum(person.hair.colour * 0.75, person.skin * 0.75)
    return canvas.laid_over(sheet, np.clip(there, 0, 1), colour)


def _beard(sheet: Floats, person: Traits, grain: Grain, lips: Floats) -> tuple[Floats, Floats]:
    style, mouth = person.beard.style, person.mouth
    if style is BeardStyle.NONE:
        return sheet, np.zeros(canvas.SHAPE, np.float32)
    jaw = ramp(Y - 0.55 - 0.35 * (1 - np.clip(ACROSS / 0.75, 0, 1) ** 3), 0, 0.12)
    moustache = bump(X, Y - mouth.height + 0.17, mouth.width * 0.95, 0.065) * 1.3
    near = np.clip(1.6 * bump(X, Y - mouth.height - 0.02, mouth.width * 1.0, 0.12), 0, 1)
    if style is BeardStyle.GOATEE:
        chin = bump(X, Y - person.shape.chin + 0.16, 0.3, 0.24) * 1.4 * (1 - near)
        there = np.clip(np.maximum(moustache, chin), 0, 1)
    else:
        there = np.maximum(jaw * (1 - near), np.clip(moustache, 0, 1))
    density = 0.38 if style is BeardStyle.STUBBLE else person.beard.density
    soft = np.asarray(cv2.GaussianBlur(there.astype(np.float32), (0, 0), 5))
    there = soft * density * (1 - lips) * np.clip(0.9 + 0.25 * grain.fine, 0, 1)
    colour = np.minimum(person.hair.colour * 0.8 + 6, 200) * (1 + 0.15 * grain.fine[..., None])
    return canvas.laid_over(sheet, there, colour), 0.03 * there * (style is not BeardStyle.STUBBLE)


def _glasses(sheet: Floats, person: Traits) -> None:
    glasses, apart = person.spectacles, person.eyes.apart
    colour = glasses.colour.tolist()
    power, rim = (2, 0.035) if glasses.style is Glasses.ROUND else (5, 0.05)
    angle = np.linspace(0, 2 * np.pi, 49)
    cosine, sine = np.cos(angle), np.sin(angle)
    reach = (np.abs(cosine) ** power + np.abs(sine) ** power) ** (-1 / power)
    for side in SIDES:
        across = side * apart * 1.02 + glasses.width * cosine * reach
        canvas.stroke(sheet, columns(across, 0.03 + glasses.height * sine * reach), colour, rim)
        hinge = side * (apart + glasses.width)
        canvas.stroke(sheet, [[hinge, -0.03], [side * 1.2, -0.06]], colour, 0.04)
    inner = apart - glasses.width
    canvas.stroke(sheet, [[-inner, -0.02], [0, -0.06], [inner, -0.02]], colour, 0.035)
