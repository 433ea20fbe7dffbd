"""The site file's certificates and what systemd hands over: every mistake names file and remedy."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from edge.commands.check import check
from edge.config import Config, ConfigError
from edge.people import load_site_key
from tests.edge.house import House
from tests.pki import SitePki


@pytest.fixture
def own(tmp_path: Path) -> SitePki:
    return SitePki(tmp_path)


def house(folder: Path, *entries: str) -> House:
    (folder / "house").mkdir()
    return House(folder / "house", "\n".join(('[broker]\nhost = "h"', *entries)))


def named(key: str, file: Path) -> str:
    return f'{key} = "{file}"'


@pytest.mark.parametrize(
    ("entries", "said"),
    [
        ('ca = "ca.pem"', "'certificate' goes with it"),
        ('certificate = "gate.pem"', "'ca' goes with it"),
        ('key = "gate.key"', "'certificate' and 'ca' go with it"),
        ('ca = "ca.pem"\ncertificate = "credential:../x"', "cannot be a credential's name"),
        ('ca = "ca.pem"\ncertificate = "credential:x"', "no service manager has handed 'x' over"),
    ],
)
def test_half_of_it_is_a_mistake(tmp_path: Path, entries: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        house(tmp_path, entries).config()


def fault(config: Config) -> str:
    (problem,) = config.tls_faults
    return str(problem)


def test_what_is_wrong_with_the_files_keeps_no_door_shut_and_fails_the_check(
    own: SitePki, tmp_path: Path
) -> None:
    gate, annex = (own.make("edge", name).certificate for name in ("gate", "annex"))
    (tmp_path / "other").mkdir()
    foreign = SitePki(tmp_path / "other").make("edge", "gate").certificate
    open_one = tmp_path / "open.pem"
    open_one.write_bytes(gate.read_bytes())
    open_one.chmod(0o644)
    bare = tmp_path / "bare.pem"
    bare.write_bytes(gate.read_bytes().partition(b"-----BEGIN PRIVATE")[0])
    bare.chmod(0o600)
    for number, (certificate, key, said) in enumerate(
        (
            (annex, None, "is of 'house/annex', and this edge is 'house/gate'"),
            (foreign, None, "is not by an authority in"),
            (open_one, None, "chmod 600"),
            (tmp_path / "none.pem", None, "cannot be read"),
            (bare, None, "holds no private key"),
            (bare, annex, "is not that of"),
            (own.ca, gate, "is not that of"),
        )
    ):
        folder = tmp_path / str(number)
        folder.mkdir()
        entries = [named("ca", own.ca), named("certificate", certificate)]
        made = house(folder, *entries, *(() if key is None else (named("key", key),)))
        assert said in fault(made.config()), said
        for form in ((), ("--json",)):
            order = ["--config", str(made.folder / "site.toml"), *form]
            done = CliRunner().invoke(check, order)
            assert done.exit_code == 78, done.output
            assert said.replace('"', '\\"') in done.output


def test_a_pair_in_two_files_is_as_good(own: SitePki, tmp_path: Path) -> None:
    gate = own.make("edge", "gate").certificate
    certificate, mark, key = gate.read_bytes().partition(b"-----BEGIN PRIVATE")
    (tmp_path / "gate.crt").write_bytes(certificate)
    (tmp_path / "gate.key").write_bytes(mark + key)
    (tmp_path / "gate.key").chmod(0o600)
    made = house(
        tmp_path,
        named("ca", own.ca),
        named("certificate", tmp_path / "gate.crt"),
        named("key", tmp_path / "gate.key"),
    )
    assert made.config().tls_faults == ()
    done = CliRunner().invoke(check, ["--config", str(made.folder / "site.toml")])
    assert "TLS as house/gate, certificate until" in done.output


def test_without_certificates_the_check_says_what_that_means(tmp_path: Path) -> None:
    made = house(tmp_path)
    done = CliRunner().invoke(check, ["--config", str(made.folder / "site.toml")])
    assert done.exit_code == 0
    assert "WITHOUT TLS" in done.output


def test_secrets_come_from_where_systemd_puts_them(
    own: SitePki, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the mode that its access list gives them: readable for the service and nobody else."""
    handed = tmp_path / "credentials"
    handed.mkdir()
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(handed))
    made = house(
        tmp_path,
        named("ca", own.ca),
        'certificate = "credential:gate.pem"',
        'password-file = "credential:password"',
    )
    text = (made.folder / "site.toml").read_text()
    text = text.replace('"site.key"', '"credential:site.key"')
    text = text.replace('"front-in.key"', '"credential:front-in.key"')
    (made.folder / "site.toml").write_text(text)
    own.make("edge", "gate").certificate.rename(handed / "gate.pem")
    (handed / "password").write_text("hunter2\n")
    for name in ("site.key", "front-in.key"):
        (made.folder / name).rename(handed / name)
    for file in handed.iterdir():
        file.chmod(0o440)
    config = made.config()
    assert config.tls_faults == ()
    assert config.broker_password == "hunter2"
    load_site_key(config.site_key)
    (handed / "gate.pem").chmod(0o444)
    assert "others on this machine" in fault(config=made.config())
    (handed / "password").chmod(0o444)
    with pytest.raises(ConfigError, match="others on this machine can read"):
        made.config()
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path / "elsewhere"))
    with pytest.raises(ConfigError, match="no file"):
        made.config()
