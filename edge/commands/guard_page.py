"""Both pictures of a comparison as files, and one page that shows them beside each other.

Nothing here decodes a picture: a browser does, on the guard's own machine.
"""

from base64 import b64encode
from collections.abc import Mapping
from contextlib import ExitStack
from datetime import tzinfo
from html import escape
from pathlib import Path

from edge.control.messages_guard import ComparisonPicture, ComparisonShown, Side
from edge.failed import Failed
from edge.present import clean, local
from edge.secret_file import write_new_secret

PAGE = "side-by-side.html"
FOLDER_MODE = 0o700

TITLES = {Side.LIVE: "At the door now", Side.ENROLLED: "On file"}

_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" \
content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<title>{title}</title>
<style>
body {{ font-family: sans-serif; margin: 1.5rem; }}
main {{ display: flex; gap: 1rem; }}
figure {{ flex: 1; margin: 0; }}
img {{ width: 100%; max-height: 75vh; object-fit: contain; }}
</style>
</head>
<body>
<h1>{title}</h1>
<p>{about}</p>
<main>
{figures}
</main>
<p>Question {question}</p>
</body>
</html>
"""


def page(
    shown: ComparisonShown, pictures: Mapping[Side, ComparisonPicture], zone: tzinfo, utc_us: int
) -> str:
    """The page as HTML, with the pictures in it and without a script. `utc_us`: of the live one."""
    whom = who(shown)
    about = f"{shown.portal}, {shown.direction}, {local(utc_us, zone)}"
    if shown.roles:
        about += f"; {', '.join(shown.roles)}"
    return _PAGE.format(
        title=_text(f"Is this {whom}?"),
        about=_text(about),
        figures="\n".join(_figure(side, pictures[side]) for side in Side),
        question=_text(shown.question),
    )


def who(shown: ComparisonShown) -> str:
    """Somebody as guards know her."""
    return f"{shown.name} ({shown.person})" if shown.person else "somebody who is on file no more"


def written(
    folder: Path,
    shown: ComparisonShown,
    pictures: Mapping[Side, ComparisonPicture],
    zone: tzinfo,
    utc_us: int,
) -> Path:
    """The page's file, beside those of the pictures there are; for nobody but their owner. All are
    there, or none. Raises Failed where something has one of their names already.
    """
    content = {f"{side}.jpg": one.data for side, one in pictures.items() if one.data}
    content[PAGE] = page(shown, pictures, zone, utc_us).encode()
    try:
        folder.mkdir(mode=FOLDER_MODE, exist_ok=True)
        with ExitStack() as undo:
            for name, data in content.items():
                write_new_secret(folder / name, data)
                undo.callback((folder / name).unlink, missing_ok=True)
            undo.pop_all()
    except FileExistsError as error:
        raise Failed(
            f"{folder}: there is something already", "choose another folder, or a new one"
        ) from error
    except OSError as error:
        raise Failed(
            f"nothing can be written into {folder}: {error.strerror}", "choose another folder"
        ) from error
    return folder / PAGE


def _figure(side: Side, one: ComparisonPicture) -> str:
    caption = f"<figcaption>{_text(TITLES[side])}</figcaption>"
    if not one.data:
        return f"<figure>{caption}<p>{_text(f'{one.reason}: {one.remedy}')}</p></figure>"
    source = f"data:image/jpeg;base64,{b64encode(one.data).decode()}"
    return f'<figure>{caption}<img src="{source}" alt="{_text(TITLES[side])}"></figure>'


def _text(text: str) -> str:
    return escape(clean(text))
