"""The gate's camera: frames of any moment, with light, weather, people, cars and sensor noise."""

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from simulators.gate.drawing import Picture, build, cloth
from simulators.gate.light import Course, Light
from simulators.gate.passing import Car, Traffic, draw_car, draw_person

Image = NDArray[np.uint8]
"""(height, width, 3), BGR."""

SWAY_PX = 1.5
"""How far leaves move at 640 pixels of width."""

NOISE_BANK = 128
"""The noise of one frame is cut out of a sheet that is so much larger each way: 16,384 cuts."""


class Weather(NamedTuple):
    """What the seed says of the day. `rain`: streaks in a frame. `wind`: 0..1."""

    rain: int
    wind: float


class Scene:
    """`size`: width and height. The same seed and moment give the same frame."""

    def __init__(
        self,
        seed: int,
        *,
        size: tuple[int, int] = (640, 360),
        hour: float = 14.0,
        pace: float = 1.0,
        busy: float = 1.5,
    ) -> None:
        width, height = size
        random = np.random.default_rng([seed, 5])
        self._seed, self._size = seed, size
        self._set = build(seed, width, height)
        self._course = Course(seed, hour=hour, pace=pace)
        self._traffic = Traffic(seed, busy)
        rainy = random.random() < 0.3
        self.weather = Weather(int(random.integers(30, 90)) * rainy, float(random.random()))
        self._clouds = cloth(random, (height, width * 2), max(4, width // 8))
        self._across, self._down = np.meshgrid(
            np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32)
        )
        sheet = (height + NOISE_BANK, width + NOISE_BANK, 3)
        self._noise = random.standard_normal(sheet, np.float32)

    @property
    def door(self) -> tuple[int, int, int, int]:
        """Left, top, right and bottom of the door, in pixels."""
        return self._set.door

    def light(self, at_s: float) -> Light:
        """The light of that moment."""
        return self._course.at(at_s)

    def at(self, at_s: float) -> Image:
        """The frame of that moment, as the sensor gives it."""
        random = np.random.default_rng([self._seed, 6, round(at_s * 1000)])
        return self.sensed(self.before_sensor(at_s), self.light(at_s).grain, random)

    def before_sensor(self, at_s: float) -> Picture:
        """The light that falls on the sensor: 255 is white, and there is brighter."""
        light = self._course.at(at_s)
        paint = self._moved(at_s)
        for passer in self._traffic.people(at_s):
            draw_person(paint, passer, at_s)
        cars = [(car, draw_car(paint, car, at_s)) for car in self._traffic.cars(at_s)]
        lit = paint * self._lit(light)[..., None]
        for car, front in cars:
            self._headlights(lit, car, front, light)
        if self.weather.rain:
            self._rain(lit, np.random.default_rng([self._seed, 8, round(at_s * 1000)]))
        return np.asarray(lit * np.float32(255.0 * light.gain), np.float32)

    def sensed(self, lit: Picture, sigma: float, random: np.random.Generator) -> Image:
        """What a sensor makes of light, 0..255 and beyond: noise of `sigma`, and clipping."""
        down, right = random.integers(0, NOISE_BANK, 2)
        width, height = self._size
        noise = self._noise[down : down + height, right : right + width]
        noisy = cv2.scaleAdd(noise, sigma, lit)
        return cv2.convertScaleAbs(np.maximum(noisy, 0.0, out=noisy))  # type: ignore[return-value]

    def _moved(self, at_s: float) -> Picture:
        """The paint of that moment: clouds drift, leaves sway."""
        held = self._set
        paint = held.paint.copy()
        width = self._size[0]
        if self.weather.wind > 0.15:
            reach = SWAY_PX * width / 640 * self.weather.wind
            sway = reach * np.sin(at_s * 2.1 + self._down * 0.15) * held.trees
            moved = cv2.remap(
                held.paint,
                (self._across + sway).astype(np.float32),
                self._down,
                cv2.INTER_LINEAR,
                borderMode=cv2.BORDER_REPLICATE,
            )
            cv2.copyTo(moved, held.trees.astype(np.uint8), paint)
        drift = int(at_s * width / 200) % width
        clouds = self._clouds[:, drift : drift + width]
        paint *= (1 + 0.15 * clouds * held.sky)[..., None]
        return paint

    def _lit(self, light: Light) -> Picture:
        """How much light falls on each pixel."""
        held = self._set
        sunny = np.clip((light.sun_edge - held.shade) * 25, 0, 1)
        lit = light.sky + light.sun * np.maximum(sunny, held.sky * 0.5) + light.lamp * held.lamp
        return np.asarray(lit, np.float32)

    def _headlights(self, lit: Picture, car: Car, front: float, light: Light) -> None:
        """The beams on wall and road; by day they are hardly seen."""
        if light.sun + light.sky > 0.35:
            return
        width, height = self._size
        ahead = front + (0.22 if car.rightward else -0.22)
        beam = np.exp(
            -(((self._across / width - ahead) / 0.2) ** 2)
            - ((self._down / height - 0.68) / 0.14) ** 2
        )
        lit += (0.45 * beam)[..., None] * self._set.paint
        lamp = (int(front * width), int(0.72 * height))
        cv2.circle(lit, lamp, max(3, width // 60), (1.0, 1.0, 1.0), -1, cv2.LINE_AA)

    def _rain(self, lit: Picture, random: np.random.Generator) -> None:
        width, height = self._size
        starts = random.random((self.weather.rain, 2)) * (width, height)
        length = height / 18
        lean = (random.random() - 0.5) * 0.2 + (self.weather.wind - 0.5) * 0.4
        ends = starts + np.array((lean * length, length))
        level = float(lit.mean()) * 1.25
        streaks = np.stack((starts, ends), 1).astype(np.int32)
        cv2.polylines(lit, list(streaks), False, (level, level, level), 1, cv2.LINE_AA)
