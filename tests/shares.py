"""How the workers share the tests of a run."""

from xdist.scheduler import LoadFileScheduling

PAGES = ("tests/central/web/", "tests/web/")
"""Each of these folders has one site and one browser, which take long to start."""

LONGEST = (
    *PAGES,
    "tests/virtual/test_site.py",
    "tests/edge/test_faces_at_doors.py",
    "tests/virtual/",
    "tests/policies/test_whatif.py",
    "tests/simulators/test_demo.py",
)
"""What takes longest begins first: a worker that came to it last would be waited for by all."""


class Shares(LoadFileScheduling):
    """Hands them out whole, in the order in which the tests were collected."""

    def _split_scope(self, nodeid: str) -> str:
        return share_of(nodeid)


def share_of(nodeid: str) -> str:
    """A worker takes a whole file, so that what its tests share is made once; of pages a whole
    folder; of the virtual site a single test, none of which shares anything.
    """
    for folder in PAGES:
        if nodeid.startswith(folder):
            return folder
    return nodeid if nodeid.startswith("tests/virtual/") else nodeid.partition("::")[0]


def turn(nodeid: str) -> int:
    """When a test has its turn, by the place of its file."""
    begin = (at for at, place in enumerate(LONGEST) if nodeid.startswith(place))
    return next(begin, len(LONGEST))
