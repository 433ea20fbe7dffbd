"""Folds a history into a file in small steps and says each, until it is killed.

usage: python -m tests.edge.views_child HISTORY FILE, both of which the test has made
"""

import sys
from pathlib import Path

import msgspec

from edge.views_file import Journal
from edge.views_fold import Beginning, Piece, ViewsFold

STEP = 20


def main(history: Path, file: Path) -> None:
    kept = msgspec.json.decode(history.read_bytes(), type=tuple[Journal, tuple[Piece, ...]])
    journal, pieces = kept
    resumes = file.exists()
    fold = (
        ViewsFold.resumed(file, journal) if resumes else ViewsFold.anew(file, journal, Beginning())
    )
    while fold.at.seq < len(pieces):
        fold.take(pieces[fold.at.seq : fold.at.seq + STEP])
        sys.stdout.write(f"{fold.at.seq}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
