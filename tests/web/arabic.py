"""The edge's pages in Arabic letters: what runs from right to left, without anybody who translates.

Every text of the pages is there, letter by letter in another script; a few words are real ones.
"""

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import uvicorn
from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo

from docs.catalogues import template
from edge.control.place import PAGES_SOCKET
from edge.web.app import application
from tests.web.embassy import Embassy

WORDS = {
    "Gate": "البوابة",
    "Doors": "الأبواب",
    "At the gate now": "عند البوابة الآن",
    "Live": "مباشر",
}

LETTERS = str.maketrans("abcdefghijklmnopqrstuvwxyz?,;", "ابكديفجهيجكلمنوبقرستوفوخيز؟،؛")
FILLED_IN = re.compile(r"(%\(\w+\)[sd])")


def lettered(text: str) -> str:
    """The same in Arabic letters; what is filled in stays where it is."""
    parts = FILLED_IN.split(text)
    return "".join(
        part if at % 2 else part.lower().translate(LETTERS) for at, part in enumerate(parts)
    )


def catalogue() -> Catalog:
    made = Catalog("ar", charset="utf-8")
    for message in template():
        if isinstance(message.id, tuple):
            made.add(message.id, [lettered(message.id[1])] * made.num_plurals)
        elif message.id:
            made.add(message.id, WORDS.get(message.id, lettered(message.id)))
    return made


@contextmanager
def served(site: Embassy, folder: Path) -> Iterator[str]:
    """The address of the same site's pages with that catalogue and no other."""
    there = folder / "ar" / "LC_MESSAGES"
    there.mkdir(parents=True)
    with (there / "sentrypost.mo").open("wb") as file:
        write_mo(file, catalogue())
    app = application(site.folder / "state" / PAGES_SOCKET, secure=False, locale=folder)
    config = uvicorn.Config(app, port=0, log_config=None, lifespan="off", ws="none")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        thread.join(0.05)
        assert thread.is_alive()
    yield f"http://localhost:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    thread.join(20)
