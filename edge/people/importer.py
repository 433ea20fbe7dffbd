"""A file of people to a change of `site.db`: planned without writing, with every mistake named.

An empty cell and a missing column leave what is on file; the word `none` takes it away (badge, pin,
duress-pin, valid-from, valid-until). Nobody is removed by being left out. A row with another badge
than the one on file revokes the old one. An import never brings a lost or revoked badge back.
"""

import secrets
from collections.abc import Callable, Collection, Mapping
from typing import TypeVar

import msgspec

from controller.ids import CredentialRef, HolderId
from drivers.badges import FORMATS, Formats
from edge.people import cells
from edge.people.cells import Away, CellError, Status
from edge.people.pins import PinHasher, hash_pins
from edge.people.records import Change, CredentialRecord, HolderRecord, PinRecord, Roll
from edge.people.refs import SiteKey, ref_of
from edge.people.table import Row, RowProblem, read_table
from policies.compiled import CompiledPolicy
from policies.facts import CredentialStatus
from policies.problems import did_you_mean

COLUMNS = (
    "id",
    "name",
    "roles",
    "badge",
    "pin",
    "duress-pin",
    "valid-from",
    "valid-until",
    "status",
    "watchlists",
    "biometrics",
)

COMPARED_MAX = 2_000
"""Ids among which one is looked for that was meant: some milliseconds."""

T = TypeVar("T")
NewId = Callable[[], str]


def random_id() -> str:
    """A subject id: 64 random bits, which nobody connects with a person."""
    return secrets.token_hex(8)


class NewPin(msgspec.Struct, frozen=True):
    """A PIN that waits to be hashed, with the one for duress where there is one. No repr shows
    them.
    """

    holder: HolderId
    pin: str
    duress_pin: str | None = None

    @property
    def pins(self) -> tuple[str, ...]:
        return (self.pin,) if self.duress_pin is None else (self.pin, self.duress_pin)

    def __repr__(self) -> str:
        return f"NewPin(holder={self.holder!r}, pin=…)"


class Update(msgspec.Struct, frozen=True, kw_only=True):
    """What a file changes about a person on file: the columns, not the values."""

    id: str
    columns: tuple[str, ...]


class ImportPlan(msgspec.Struct, frozen=True, kw_only=True):
    """What an import would do. People stand here by the integrator's ids."""

    problems: tuple[RowProblem, ...]
    added: tuple[str, ...]
    updated: tuple[Update, ...]
    unchanged: int
    draft: Change
    """Everything but the new PINs, which are hashed last because that takes so long."""
    new_pins: tuple[NewPin, ...]

    @property
    def to_hash(self) -> tuple[str, ...]:
        """Every new PIN, one person after the other."""
        return tuple(pin for new in self.new_pins for pin in new.pins)

    def __repr__(self) -> str:
        return f"ImportPlan(problems={len(self.problems)}, added={len(self.added)}, …)"


class ImportRefusedError(Exception):
    """The plan has problems; nothing of it may be applied."""

    def __init__(self, problems: Collection[RowProblem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


def plan_import(
    roll: Roll,
    data: bytes,
    policy: CompiledPolicy,
    site_key: SiteKey,
    *,
    formats: Formats = FORMATS,
    duress_is_told: bool = False,
    new_id: NewId = random_id,
) -> ImportPlan:
    """What `data` would do to the people in `roll`. Writes nothing and raises nothing.

    Roles and watchlists are the policy's; dates and times without an offset are meant where its
    clock hangs. `formats`: those of cards that the site knows. `duress_is_told`: the site file
    names somebody; otherwise duress PINs are refused.
    """
    rows, problems = read_table(data, COLUMNS)
    planner = _Planner(roll, policy, site_key, formats, new_id, duress_is_told=duress_is_told)
    planner.problems.extend(problems)
    for row in rows:
        planner.take(row)
    planner.refuse_held_badges()
    return planner.plan()


def plan_person(
    roll: Roll,
    cells_of: Mapping[str, str],
    policy: CompiledPolicy,
    site_key: SiteKey,
    *,
    new: bool,
    formats: Formats = FORMATS,
    duress_is_told: bool = False,
    new_id: NewId = random_id,
) -> ImportPlan:
    """What one row would do, given as its cells by column. Writes nothing and raises nothing.

    `new`: nobody on file has that id yet; otherwise somebody has. All else as in `plan_import`.
    """
    planner = _Planner(roll, policy, site_key, formats, new_id, duress_is_told=duress_is_told)
    row = Row(0, {column: text.strip() for column, text in cells_of.items()})
    if planner.is_as_expected(row, new=new):
        planner.take(row)
        planner.refuse_held_badges()
    return planner.plan()


def seal(
    plan: ImportPlan,
    hasher: PinHasher,
    *,
    workers: int | None = None,
    progress: Callable[[int], None] | None = None,
) -> Change:
    """The plan's change with every PIN hashed: about 0.15 s of one core for each.

    `progress` is told how many PINs are done. Raises ImportRefusedError for a plan with problems,
    PinHashError when a PIN cannot be hashed.
    """
    if plan.problems:
        raise ImportRefusedError(plan.problems)
    hashes = iter(hash_pins(plan.to_hash, hasher, workers=workers, progress=progress))
    records = tuple(
        PinRecord(
            holder=new.holder,
            hash=next(hashes),
            duress_hash=None if new.duress_pin is None else next(hashes),
        )
        for new in plan.new_pins
    )
    return msgspec.structs.replace(plan.draft, pins=(*plan.draft.pins, *records))


class _Planner:
    """Reads rows one after the other and gathers what they change and what is wrong with them."""

    def __init__(
        self,
        roll: Roll,
        policy: CompiledPolicy,
        site_key: SiteKey,
        formats: Formats,
        new_id: NewId,
        *,
        duress_is_told: bool,
    ) -> None:
        self._roll, self._policy, self._key = roll, policy, site_key
        self._formats = formats
        self._new_id = new_id
        self._duress_is_told = duress_is_told
        self._on_file = {record.external_id: record.id for record in roll.holders.values()}
        self._are_few = len(self._on_file) <= COMPARED_MAX
        self._credentials: dict[str, list[str]] = {}
        for credential in roll.credentials.values():
            self._credentials.setdefault(credential.holder, []).append(credential.id)
        self._row_of_id: dict[str, int] = {}
        self._row_of_badge: dict[CredentialRef, int] = {}
        self._issued: list[tuple[int, CredentialRecord]] = []
        self._changed_credentials: dict[str, CredentialRecord] = {}
        self._removed_credentials: list[str] = []
        self._holders: list[HolderRecord] = []
        self._pins: list[NewPin] = []
        self._kept_pins: list[PinRecord] = []
        self._removed_pins: list[str] = []
        self._added: list[str] = []
        self._updated: list[Update] = []
        self._unchanged = 0
        self.problems: list[RowProblem] = []

    def take(self, row: Row) -> None:
        """One person. Goes on after a mistake, so that all of a row's mistakes are named."""
        external_id = self._read(row, "id", cells.read_external_id)
        if external_id is None:
            if not row.cells["id"]:
                self._problem(row, "id", "missing", "every person needs the id of your own system")
            return
        first = self._row_of_id.setdefault(external_id, row.number)
        if first != row.number:
            self._problem(row, "id", f"row {first} is the same person", "remove one of the rows")
            return
        before = self._roll.holders.get(self._on_file.get(external_id, ""))
        if before is None:
            before = HolderRecord(id=self._new_id(), external_id=external_id, name="?", roles=())
            for column in ("name", "roles"):
                if not row.cells.get(column):
                    self._problem(row, column, "missing", "a new person needs it")
        status = self._read(row, "status", cells.read_status)
        after = self._personal(row, before, status)
        columns = [
            column
            for column, field in _FIELDS.items()
            if getattr(before, field) != getattr(after, field)
        ]
        columns += ["badge"] * self._badge(row, before.id, status)
        columns += self._pins_of(row, HolderId(before.id))
        self._note(before, after, columns)

    def is_as_expected(self, row: Row, *, new: bool) -> bool:
        """Whether somebody on file has the row's id, or nobody where the person is to be `new`; a
        slip of the fingers must not change somebody else.
        """
        external_id = row.cells.get("id", "")
        on_file = external_id in self._on_file
        if new and on_file:
            hint = f"see `sentrypost person show {external_id}`; `person change` changes it"
            self._problem(row, "id", f"'{external_id}' is on file already", hint)
        elif not (new or on_file):
            close = did_you_mean(external_id, self._on_file) if self._are_few else None
            hint = close or "`sentrypost person list` has them"
            self._problem(row, "id", f"nobody on file has the id '{external_id[:64]}'", hint)
        return new is not on_file

    def refuse_held_badges(self) -> None:
        """After all rows: nobody gets a badge that somebody else keeps."""
        refs = {issued.ref for _, issued in self._issued}
        held = {one.ref: one for one in self._roll.credentials.values() if one.ref in refs}
        gone = set(self._removed_credentials)
        for number, issued in self._issued:
            holder = held.get(issued.ref)
            if holder is not None and holder.id not in gone:
                other = self._roll.holders[holder.holder].external_id
                self.problems.append(
                    RowProblem(
                        number,
                        "badge",
                        f"this badge is on file ({holder.status}) for the person with id {other}",
                        f"take it from there first: a row with id {other} and badge none",
                    )
                )

    def plan(self) -> ImportPlan:
        credentials = (
            *self._changed_credentials.values(),
            *(record for _, record in self._issued),
        )
        return ImportPlan(
            problems=tuple(sorted(self.problems, key=lambda problem: problem.row)),
            added=tuple(self._added),
            updated=tuple(self._updated),
            unchanged=self._unchanged,
            draft=Change(
                base=self._roll.version,
                holders=tuple(self._holders),
                credentials=credentials,
                credentials_removed=tuple(self._removed_credentials),
                pins=tuple(self._kept_pins),
                pins_removed=tuple(self._removed_pins),
            ),
            new_pins=tuple(self._pins),
        )

    def _personal(self, row: Row, before: HolderRecord, status: Status | None) -> HolderRecord:
        """The person's own record after the row, its version untouched."""

        def moment(column: str, kept: int | None, *, end: bool) -> int | None:
            given = self._read(
                row, column, lambda text: cells.read_moment(text, self._policy.zone, end=end)
            )
            return kept if given is None else None if isinstance(given, Away) else given

        start = moment("valid-from", before.valid_from_s, end=False)
        until = moment("valid-until", before.valid_until_s, end=True)
        if start is not None and until is not None and until <= start:
            column = "valid-until" if row.cells.get("valid-until") else "valid-from"
            self._problem(row, column, "ends before it begins", "compare the two dates")
        suspended = before.suspended
        if status in {Status.ACTIVE, Status.SUSPENDED}:
            suspended = status is Status.SUSPENDED
        lists = self._read(
            row, "watchlists", lambda text: cells.read_watchlists(text, self._policy.watchlists)
        )
        biometrics = self._read(row, "biometrics", cells.read_biometrics)
        return msgspec.structs.replace(
            before,
            watchlists=() if lists is Away.AWAY else lists or before.watchlists,
            biometrics=before.biometrics if biometrics is None else biometrics,
            name=self._read(row, "name", cells.read_name) or before.name,
            roles=self._read(row, "roles", lambda text: cells.read_roles(text, self._policy.roles))
            or before.roles,
            valid_from_s=start,
            valid_until_s=until,
            suspended=suspended,
        )

    def _badge(self, row: Row, holder: str, status: Status | None) -> bool:
        """What the row does to the person's badges; whether it does anything."""
        own = [self._roll.credentials[one] for one in self._credentials.get(holder, [])]
        given = self._read(row, "badge", lambda text: cells.read_badge(text, self._formats))
        named = _BADGE_STATUS.get(status) if status else None
        if given is None:
            if named and not own and not row.cells.get("badge"):
                self._problem(row, "status", f"{named}: no badge is on file", "name the badge")
            return named is not None and self._worsen(own, named)
        if isinstance(given, Away):
            if named:
                self._problem(row, "status", f"{named} and badge none", "leave one of them empty")
            self._removed_credentials += [record.id for record in own]
            return bool(own)
        ref = ref_of(self._key, given)
        first = self._row_of_badge.setdefault(ref, row.number)
        if first != row.number:
            self._problem(row, "badge", f"row {first} has the same badge", "a badge has one holder")
            return False
        same = next((record for record in own if record.ref == ref), None)
        if same is not None:
            if status is Status.ACTIVE and same.status is not CredentialStatus.ACTIVE:
                self._problem(
                    row,
                    "badge",
                    f"this badge is on file as {same.status}",
                    "issue another one, or take it away with badge none and issue it again",
                )
            return named is not None and self._worsen([same], named)
        self._worsen(own, CredentialStatus.REVOKED, only=CredentialStatus.ACTIVE)
        issued = CredentialRecord(
            id=self._new_id(), holder=holder, ref=ref, status=named or CredentialStatus.ACTIVE
        )
        self._issued.append((row.number, issued))
        return True

    def _worsen(
        self,
        records: Collection[CredentialRecord],
        status: CredentialStatus,
        only: CredentialStatus | None = None,
    ) -> bool:
        """Badges go from active to lost to revoked and never back; whether one did."""
        moved = False
        for record in records:
            if _RANK[record.status] < _RANK[status] and only in {None, record.status}:
                self._changed_credentials[record.id] = msgspec.structs.replace(
                    record, status=status
                )
                moved = True
        return moved

    def _pins_of(self, row: Row, holder: HolderId) -> list[str]:
        """The columns of PINs that the row changes.

        A PIN in the file always does: to learn that it is the old one takes as long as hashing it.
        """
        pin = self._read(row, "pin", cells.read_pin)
        for_duress = self._read(row, "duress-pin", cells.read_pin)
        on_file = self._roll.pins.get(holder)
        had_two = on_file is not None and on_file.duress_hash is not None
        if for_duress is not None and not isinstance(for_duress, Away):
            self._check_duress_pin(row, pin, for_duress)
            if pin is not None:
                self._pins.append(NewPin(holder, pin, for_duress))
            return ["pin", "duress-pin"]
        gone = ["duress-pin"] * had_two
        if isinstance(pin, Away):
            self._removed_pins += [holder] * (on_file is not None)
            return ["pin", *gone] if on_file is not None else []
        if pin is not None:
            if had_two and not row.cells.get("duress-pin"):
                hint = "give both in one row, or duress-pin none"
                self._problem(row, "pin", "the duress PIN on file cannot be compared", hint)
            self._pins.append(NewPin(holder, pin))
            return ["pin", *gone]
        if on_file is not None and for_duress is not None:
            self._kept_pins += [msgspec.structs.replace(on_file, duress_hash=None)] * had_two
            return gone
        return []

    def _check_duress_pin(self, row: Row, pin: str | Away | None, for_duress: str) -> None:
        """What is wrong with it, beside a PIN that is wrong itself."""
        if not self._duress_is_told:
            hint = "name them under [duress] in the site file of every edge: sentrypost duress new"
            self._problem(row, "duress-pin", "nobody would be told of duress", hint)
        if isinstance(pin, Away) or not row.cells.get("pin"):
            hint = "give both in one row: they are compared, and on file neither can be read"
            self._problem(row, "duress-pin", "no PIN beside it", hint)
        elif pin is not None:
            try:
                cells.tell_apart(pin, for_duress)
            except CellError as error:
                self._problem(row, "duress-pin", error.message, error.hint)

    def _note(self, before: HolderRecord, after: HolderRecord, columns: list[str]) -> None:
        new = before.id not in self._roll.holders
        if new:
            self._added.append(after.external_id)
            self._holders.append(after)
        elif columns:
            self._updated.append(Update(id=after.external_id, columns=tuple(columns)))
            self._holders.append(msgspec.structs.replace(after, version=before.version + 1))
        else:
            self._unchanged += 1

    def _read(self, row: Row, column: str, parse: Callable[[str], T]) -> T | None:
        """The cell's value; None when it is empty, missing, or wrong, which is noted."""
        text = row.cells.get(column)
        if not text:
            return None
        try:
            return parse(text)
        except CellError as error:
            self._problem(row, column, error.message, error.hint)
            return None

    def _problem(self, row: Row, column: str, message: str, hint: str | None) -> None:
        self.problems.append(RowProblem(row.number, column, message, hint))


_FIELDS: Mapping[str, str] = {
    "name": "name",
    "roles": "roles",
    "valid-from": "valid_from_s",
    "valid-until": "valid_until_s",
    "status": "suspended",
    "watchlists": "watchlists",
    "biometrics": "biometrics",
}

_BADGE_STATUS: Mapping[Status, CredentialStatus] = {
    Status.LOST: CredentialStatus.LOST,
    Status.REVOKED: CredentialStatus.REVOKED,
}

_RANK: Mapping[CredentialStatus, int] = {
    CredentialStatus.ACTIVE: 0,
    CredentialStatus.SUSPENDED: 1,
    CredentialStatus.LOST: 2,
    CredentialStatus.REVOKED: 3,
}
