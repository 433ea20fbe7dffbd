"""What is kept of one person's signing in, for the report of all that is kept of her."""

from collections.abc import Iterable
from pathlib import Path

from controller.ids import HolderId
from edge.control.messages_report import PasskeyKept, SessionKept, SignInsKept
from edge.signins.records import CodeKind, OneTimeCode, Passkey, Password, Record, Session
from edge.signins.store import FILE, SignInStore


def sign_ins_kept(records: Iterable[Record], holder: HolderId) -> SignInsKept:
    """Of all that is kept, hers: no hash, no secret, and no credential."""
    password, codes = False, list[OneTimeCode]()
    passkeys, sessions = list[Passkey](), list[Session]()
    for one in records:
        match one:
            case Password(holder=whose) if whose == holder:
                password = True
            case Passkey(holder=whose) if whose == holder:
                passkeys.append(one)
            case OneTimeCode(holder=whose) if whose == holder:
                codes.append(one)
            case Session(holder=whose) if whose == holder:
                sessions.append(one)
    return SignInsKept(
        password=password,
        passkeys=tuple(
            PasskeyKept(label=one.label, made_utc_us=one.made_us, used_utc_us=one.used_us)
            for one in sorted(passkeys, key=lambda one: one.made_us)
        ),
        invited_until_utc_us=_until(codes, CodeKind.INVITATION),
        link_until_utc_us=_until(codes, CodeKind.LINK),
        sessions=tuple(
            SessionKept(
                how=one.how,
                terminal=one.terminal,
                begun_utc_us=one.begun_us,
                seen_utc_us=one.seen_us,
                ends_utc_us=one.ends_us,
            )
            for one in sorted(sessions, key=lambda one: one.begun_us)
        ),
    )


def sign_ins_closed(state: Path, holder: HolderId) -> SignInsKept:
    """Of the file in the state folder, while no daemon has it. Raises SignInsError."""
    if not (state / FILE).exists():
        return SignInsKept()
    with SignInStore.open(state) as store:
        kept = store.kept()
    return sign_ins_kept((*kept.passwords, *kept.passkeys, *kept.codes, *kept.sessions), holder)


def _until(codes: Iterable[OneTimeCode], what: CodeKind) -> int:
    return max((one.until_us for one in codes if one.what is what), default=0)
