"""`sentrypost pki` as an integrator meets it."""

import json
import os
from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey
from cryptography.x509.oid import ExtendedKeyUsageOID

from edge.commands.pki import pki
from edge.pki import certificates
from edge.pki.authority import Authority, PkiError
from edge.pki.bundle import read_bundle
from edge.pki.names import Role, SubjectError, subject, subject_of
from edge.tls import TlsFiles, identity
from tests.edge.house import House
from tests.pki import SitePki, commanded


@pytest.fixture
def own(tmp_path: Path) -> SitePki:
    return SitePki(tmp_path)


def invoked(*arguments: str | Path, answers: str = "") -> Result:
    return CliRunner().invoke(pki, [str(one) for one in arguments], input=answers)


def listed(own: SitePki) -> dict[str, list[str]]:
    """States by name, the newest first."""
    found: dict[str, list[str]] = {}
    for one in json.loads(commanded("list", "--json", "--authority", own.home))["certificates"]:
        found.setdefault(one["name"], []).append(one["state"])
    return found


def test_the_authority_is_what_it_says_and_keeps_nobody_elses_key(own: SitePki) -> None:
    own.make("edge", "gate")
    own.make("broker", "mqtt.example.org", "192.0.2.7")
    ca = own.authority.certificate
    basic = ca.extensions.get_extension_for_class(x509.BasicConstraints)
    assert basic.critical
    assert (basic.value.ca, basic.value.path_length) == (True, 0)
    public = ca.public_key()
    assert isinstance(public, EllipticCurvePublicKey)
    assert isinstance(public.curve, SECP256R1)
    assert (own.home / "ca.key").stat().st_mode & 0o777 == 0o600
    keys = [f for f in own.home.rglob("*") if f.is_file() and b"PRIVATE" in f.read_bytes()]
    assert keys == [own.home / "ca.key"]


def test_each_role_has_its_purpose_and_the_broker_its_names(own: SitePki) -> None:
    purposes = {}
    for role, names in (
        ("edge", ("gate",)),
        ("central", ()),
        ("monitor", ("wall",)),
        ("broker", ("MQTT.example.org", "192.0.2.7", "2001:db8::7")),
    ):
        files = own.make(role, *names)
        made = read_bundle(files.certificate).certificate
        assert files.certificate.stat().st_mode & 0o777 == 0o600
        (purpose,) = made.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
        purposes[identity(files).name] = purpose
        if role == "broker":
            hosts = [str(one.value) for one in certificates.hosts_of(made)]
            assert hosts == ["mqtt.example.org", "192.0.2.7", "2001:db8::7"]
    client, server = ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH
    assert purposes == {
        "house/gate": client,
        "house/_central": client,
        "house/_monitor-wall": client,
        "house/_broker": server,
    }


def test_a_name_is_one_persons_and_no_others() -> None:
    assert subject("s", Role.EDGE, "gate").common_name == "s/gate"
    assert subject("s", Role.CENTRAL).common_name == "s/_central"
    assert subject("s", Role.CENTRAL, "two").role is Role.CENTRAL
    for role, name in ((Role.EDGE, "_central"), (Role.EDGE, ""), (Role.MONITOR, ""),
                       (Role.EDGE, "a/b"), (Role.EDGE, "a+"), (Role.EDGE, "x" * 63),
                       (Role.EDGE, "Gate"), (Role.MONITOR, "#")):  # fmt: skip
        with pytest.raises(SubjectError):
            subject("s", role, name)
    assert [subject_of(text) for text in ("gate", "a/b/c", "/x", "x/")] == [None] * 4


def test_a_passphrase_closes_the_key_and_is_asked_for(tmp_path: Path) -> None:
    home, file = tmp_path / "pki", tmp_path / "gate.pem"
    made = invoked("init", home, "--site", "house", "--passphrase", answers="open\nopen\n")
    assert made.exit_code == 0
    assert b"ENCRYPTED" in (home / "ca.key").read_bytes()
    order = ("edge", "gate", "--authority", home, "--out", file)
    wrong = invoked(*order, answers="sesame\n")
    assert (wrong.exit_code, file.exists()) == (1, False)
    assert "passphrase is wrong" in wrong.output
    assert invoked(*order, answers="open\n").exit_code == 0
    assert invoked("list", "--authority", home).exit_code == 0, "reading asks for none"


def test_nothing_is_done_twice_or_over_another(own: SitePki, tmp_path: Path) -> None:
    again = invoked("init", own.home, "--site", "house")
    assert (again.exit_code, "is not empty" in again.output) == (1, True)
    gate = own.make("edge", "gate").certificate
    second = invoked("edge", "gate", "--authority", own.home, "--out", tmp_path / "x.pem")
    assert (second.exit_code, "has a certificate" in second.output) == (1, True)
    over = invoked("edge", "annex", "--authority", own.home, "--out", gate)
    assert (over.exit_code, "of house/gate" in over.output) == (1, True)
    away = invoked("edge", "annex", "--authority", own.home, "--out", tmp_path / "no" / "a.pem")
    assert (away.exit_code, "no folder" in away.output) == (1, True)
    assert listed(own) == {"gate": ["valid"]}, "what was refused is not on file"
    none = invoked("edge", "gate", "--authority", tmp_path)
    assert (none.exit_code, "holds no authority" in none.output) == (1, True)


def test_renewal_is_due_from_two_thirds_of_the_life(own: SitePki, tmp_path: Path) -> None:
    file = tmp_path / "gate.pem"
    order = ("renew", "gate", "--authority", own.home, "--out", file)
    now = certificates.now_utc()
    for days_ago, code in ((59, 1), (61, 0)):
        (own.home / "issued").rename(own.home / f"issued.{days_ago}")
        (own.home / "issued").mkdir()
        file.unlink(missing_ok=True)
        own.put(file, "gate", now - timedelta(days=days_ago), 90)
        assert listed(own) == {"gate": ["valid" if code else "due"]}
        assert invoked(*order).exit_code == code
    assert listed(own) == {"gate": ["valid", "replaced"]}
    assert "not on file" not in invoked("list", "--authority", own.home).output
    assert invoked(*order).exit_code == 1, "the new one is not due"
    assert invoked(*order, "--early").exit_code == 0


def test_a_certificate_renewed_for_the_same_key_is_no_secret_and_takes_its_place(
    own: SitePki, tmp_path: Path
) -> None:
    place = own.make("edge", "gate").certificate
    before = read_bundle(place)
    carried = tmp_path / "carried.pem"
    order = ("renew", "gate", "--early", "--authority", own.home)
    commanded(*order, "--same-key", "--out", carried)
    assert b"PRIVATE" not in carried.read_bytes()
    install = ("install", carried, "--over", place, "--ca", own.ca)
    commanded(*install)
    after = read_bundle(place)
    assert after.key is not None
    assert before.key is not None
    assert after.key.private_numbers() == before.key.private_numbers()
    assert after.certificate.serial_number != before.certificate.serial_number
    assert identity(TlsFiles(own.ca, place)).name == "house/gate"
    carried.unlink()
    commanded(*order, "--out", carried)
    commanded(*install)
    renewed = read_bundle(place)
    assert renewed.key is not None
    assert renewed.key.private_numbers() != before.key.private_numbers()


def test_what_does_not_belong_there_is_not_installed(own: SitePki, tmp_path: Path) -> None:
    place = own.make("edge", "gate").certificate
    was = place.read_bytes()
    (tmp_path / "other").mkdir()
    other = SitePki(tmp_path / "other").make("edge", "gate").certificate
    old = tmp_path / "old.pem"
    own.put(old, "gate", certificates.now_utc() - timedelta(days=9), 300)
    stranger = tmp_path / "bare.pem"
    stranger.write_bytes(read_bundle(old)._replace(key=None).pem)
    stranger.chmod(0o600)
    for file, said in (
        (other, "not by the authority"),
        (own.make("edge", "annex").certificate, "it is of house/annex"),
        (old, "older than the one here"),
    ):
        done = invoked("install", file, "--over", place, "--ca", own.ca)
        assert (done.exit_code, said in done.output) == (1, True), done.output
    own.put(tmp_path / "new.pem", "gate", certificates.now_utc() + timedelta(hours=2), 300)
    bare = read_bundle(tmp_path / "new.pem")._replace(key=None)
    stranger.write_bytes(bare.pem)
    done = invoked("install", stranger, "--over", place, "--ca", own.ca)
    assert "made for another key" in done.output
    assert place.read_bytes() == was


def test_a_power_cut_leaves_the_old_pair_or_the_new_one(
    own: SitePki, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At each call to the system of the replacement."""
    place = own.make("edge", "gate").certificate
    carried = tmp_path / "carried.pem"
    commanded("renew", "gate", "--early", "--authority", own.home, "--out", carried)
    serials = [read_bundle(one).certificate.serial_number for one in (place, carried)]

    class CutError(BaseException):
        pass

    seen: list[int] = []
    for step in range(100):
        left = step

        def counted(name: str, real: object) -> object:
            def call(*arguments: object, **named: object) -> object:
                nonlocal left
                if left == 0:
                    raise CutError(name)
                left -= 1
                return real(*arguments, **named)  # type: ignore[operator]

            return call

        with monkeypatch.context() as patch:
            for name in ("open", "fsync", "fchmod", "replace", "rename", "close"):
                patch.setattr(os, name, counted(name, getattr(os, name)))
            try:
                invoked("install", carried, "--over", place, "--ca", own.ca)
                ended = left > 0
            except CutError:
                ended = False
        seen.append(serials.index(read_bundle(place).certificate.serial_number))
        assert identity(TlsFiles(own.ca, place)).name == "house/gate"
        if ended:
            break
    assert seen[0] == 0
    assert seen[-1] == 1
    assert len(seen) > 4, "it was cut in the middle"


def test_at_an_edge_the_site_file_says_which_is_renewed(own: SitePki, tmp_path: Path) -> None:
    files = own.make("edge", "gate")
    broker = f'[broker]\nhost = "127.0.0.1"\nca = "{files.ca}"\ncertificate = "{files.certificate}"'
    (tmp_path / "house").mkdir()
    house = House(tmp_path / "house", broker)
    was = read_bundle(files.certificate).certificate.serial_number
    carried = tmp_path / "carried.pem"
    commanded("renew", "gate", "--early", "--authority", own.home, "--out", carried)
    commanded("install", carried, "--config", house.folder / "site.toml")
    assert read_bundle(files.certificate).certificate.serial_number != was


def test_a_renewed_broker_keeps_its_names(own: SitePki, tmp_path: Path) -> None:
    before = read_bundle(own.make("broker", "a.example.org", "192.0.2.7").certificate).certificate
    file = tmp_path / "renewed.pem"
    commanded("renew", "_broker", "--early", "--authority", own.home, "--out", file)
    after = read_bundle(file).certificate
    assert certificates.hosts_of(after) == certificates.hosts_of(before) != ()


def test_an_authority_at_its_end_signs_nothing_and_nothing_outlives_it(own: SitePki) -> None:
    until = own.authority.certificate.not_valid_after_utc
    file = own.folder / "gate.pem"
    own.put(file, "gate", until - timedelta(days=20), 90)
    assert read_bundle(file).certificate.not_valid_after_utc == until
    with pytest.raises(PkiError, match="the authority ends on"):
        own.put(file, "gate", until - timedelta(hours=3), 90)


def test_what_is_revoked_stays_so_and_its_name_can_be_given_again(own: SitePki) -> None:
    own.make("edge", "gate")
    own.make("edge", "annex")
    commanded("revoke", "gate", "--authority", own.home)
    assert listed(own) == {"annex": ["valid"], "gate": ["revoked"]}
    assert invoked("revoke", "gate", "--authority", own.home).exit_code == 1
    (own.folder / "edge-gate.pem").unlink()
    own.make("edge", "gate")
    commanded("revoke", "annex", "--authority", own.home)
    assert listed(own) == {"annex": ["revoked"], "gate": ["valid", "revoked"]}
    crl = x509.load_pem_x509_crl((own.home / "crl.pem").read_bytes())
    assert len(list(crl)) == 2
    assert crl.next_update_utc == own.authority.certificate.not_valid_after_utc


def test_a_damaged_folder_is_said_and_not_guessed_at(own: SitePki, tmp_path: Path) -> None:
    own.make("edge", "gate")
    (tmp_path / "other").mkdir()
    other = SitePki(tmp_path / "other")
    list_file, key_file = own.home / "crl.pem", own.home / "ca.key"
    good = list_file.read_bytes()
    for content, said in (
        (b"x", "cannot be read"),
        ((other.home / "crl.pem").read_bytes(), "of another"),
    ):
        list_file.write_bytes(content)
        done = invoked("list", "--authority", own.home)
        assert (done.exit_code, said in done.output) == (1, True)
    list_file.write_bytes(good)
    key_file.write_bytes((other.home / "ca.key").read_bytes())
    with pytest.raises(PkiError, match="is not the key of"):
        own.authority.revoke(
            Authority.open(own.home).issued(certificates.now_utc()), str, certificates.now_utc()
        )
