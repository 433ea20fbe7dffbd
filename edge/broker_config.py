"""The site file's `[broker]`: its nodes, its witness, and how it is spoken to.

What stands in the site file is checked as everything there is. What stands in the files of
certificates is no reason to keep doors from working: it is told, and the broker is not reached.
"""

from collections.abc import Iterator
from pathlib import Path

from drivers.mqtt_address import AddressError, BrokerAddress, broker_address
from edge.credentials import CredentialError, file_named
from edge.notes import Algorithm, NoteError, NoteKey, note_key
from edge.site_file import BrokerEntry
from edge.tls import TlsError, TlsFiles, identity
from policies.document import Place
from policies.problems import Problem


class BrokerReading:
    """Of one `[broker]`, with the mistakes in it. None: the site has no broker."""

    def __init__(self, entry: BrokerEntry | None, place: Place, folder: Path) -> None:
        self._place = place
        self.problems: list[Problem] = []
        self.nodes: tuple[BrokerAddress, ...] = ()
        self.witness: NoteKey | None = None
        self.tls: TlsFiles | None = None
        if entry is not None:
            self.nodes = tuple(self._nodes(entry))
            self.witness = self._witness(entry)
            self.tls = self._tls(entry, folder)

    def faults(self, name: str) -> tuple[Problem, ...]:
        """What is wrong with the files of certificates. `name`: whose ours has to be."""
        if self.tls is None:
            return ()
        try:
            found = identity(self.tls)
        except TlsError as error:
            return (self._place.child(error.which).problem(error.message, error.remedy),)
        if found.name != name:
            said = f"'{self.tls.certificate}' is of '{found.name}', and this edge is '{name}'"
            at = self._place.child("certificate")
            return (at.problem(said, "use the file that `sentrypost pki edge` made for it"),)
        return ()

    def _nodes(self, entry: BrokerEntry) -> Iterator[BrokerAddress]:
        for text in entry.also:
            try:
                yield broker_address(text, entry.port)
            except AddressError as error:
                self.problems.append(self._place.child("also").problem(str(error)))

    def _witness(self, entry: BrokerEntry) -> NoteKey | None:
        if entry.witness is None:
            return None
        at = self._place.child("witness")
        try:
            key = note_key(entry.witness)
        except NoteError as error:
            hint = "copy the line that `sentrypost central key` has printed"
            self.problems.append(at.problem(str(error), hint))
            return None
        if key.algorithm is not Algorithm.WITNESS:
            self.problems.append(at.problem("the key of a journal, and not of a witness"))
            return None
        return key

    def _tls(self, entry: BrokerEntry, folder: Path) -> TlsFiles | None:
        halves = list(self._halves(entry))
        self.problems += halves
        if halves or entry.ca is None or entry.certificate is None:
            return None
        try:
            certificate = file_named(entry.certificate, folder)
            key = None if entry.key is None else file_named(entry.key, folder)
        except CredentialError as error:
            self.problems.append(self._place.problem(str(error), error.remedy))
            return None
        return TlsFiles(folder / entry.ca, certificate, key)

    def _halves(self, entry: BrokerEntry) -> Iterator[Problem]:
        if entry.certificate is not None and entry.ca is None:
            hint = "name the authority's certificate, as `sentrypost pki init` has made it"
            yield self._place.child("certificate").problem("'ca' goes with it", hint)
        if entry.ca is not None and entry.certificate is None:
            hint = "name the file that `sentrypost pki edge` has made"
            yield self._place.child("ca").problem("'certificate' goes with it", hint)
        if entry.key is not None and entry.certificate is None:
            hint = "name its certificate, and the authority that it is from"
            yield self._place.child("key").problem("'certificate' and 'ca' go with it", hint)
