"""Where in its files each entry of a policy stands: compiled rules know their line alone."""

from collections.abc import Iterator, Mapping, Sequence

from policies.calendar import is_calendar
from policies.document import Place
from policies.problems import SourceFile
from policies.syntax import decode_toml


class Places:
    """The entries of the files of a policy that was loaded from them."""

    def __init__(self, sources: Sequence[SourceFile]) -> None:
        self.contents: list[Mapping[str, object]] = []
        self._known: dict[tuple[str, str], Place] = {}
        tops = []
        for source in sources:
            decoded = None if is_calendar(source.name) else decode_toml(source)
            if isinstance(decoded, tuple):
                content, root = decoded
                self.contents.append(content)
                tops.append(root)
                self._known |= _entries(content, root)
        self.top = tops[0]
        """The beginning of the first file."""

    def of(self, table: str, name: str) -> Place | None:
        """The entry of this name; None where there is none."""
        return self._known.get((table, name))

    def named(self, table: str) -> list[str]:
        """The names of all entries of this kind, in the order of the files."""
        return [name for kind, name in self._known if kind == table]


def _entries(content: Mapping[str, object], root: Place) -> Iterator[tuple[tuple[str, str], Place]]:
    for table, entries in content.items():
        if isinstance(entries, dict):
            for name in entries:
                yield (table, name), root.child(table, name)
        elif isinstance(entries, list):
            for index, entry in enumerate(entries):
                if isinstance(entry, dict) and isinstance(entry.get("id"), str):
                    yield (table, entry["id"]), root.child(table, index, "id")
