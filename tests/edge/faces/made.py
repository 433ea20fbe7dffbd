"""Templates for tests, and a file of them with its keys."""

import os
import random
import struct
from pathlib import Path

from controller.ids import HolderId
from drivers.faces.api import DIMENSIONS, Template
from edge.faces import FACES_FILE, Keys, TemplateKey, Templates

SITE, EDGE, MODEL = "testonia", "gatehouse", "model-1"
ANN, BOB = HolderId("00000000000000aa"), HolderId("00000000000000bb")
KEY, OTHER = TemplateKey(b"k" * 32), TemplateKey(b"o" * 32)
NOW_S = 1_795_212_000


def template(seed: int, version: int = 1, model: str = MODEL, moved: float = 0.0) -> Template:
    """A face that is no other's; `moved` so far away from it."""
    numbers = [random.Random(seed * DIMENSIONS + at).uniform(-0.2, 0.2) for at in range(DIMENSIONS)]
    numbers[0] += moved
    return Template(model=model, version=version, mean=struct.pack(f"<{DIMENSIONS}f", *numbers))


def opened(
    folder: Path, keys: Keys | TemplateKey = KEY, site: str = SITE, edge: str = EDGE
) -> Templates:
    """The file of a folder, made where there is none."""
    both = Keys(keys) if isinstance(keys, TemplateKey) else keys
    return Templates.open(folder / FACES_FILE, both, site, edge, os.urandom)


def enrolled(folder: Path, holder: HolderId, made: Template) -> Path:
    """On file and in force, with whatever else is; the file."""
    with opened(folder) as templates:
        templates.stage(holder, made, 4, NOW_S)
        faces = {row.holder: row.version for row in templates.all()}
        templates.settle(faces, max(faces.values()))
    return folder / FACES_FILE
