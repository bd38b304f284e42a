"""By what right a mailbox at Microsoft 365 is read, how far that right reaches, and what narrows it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509 import BasicConstraints, CertificateBuilder, Name, NameAttribute, random_serial_number
from cryptography.x509.oid import NameOID

from connectors.microsoft_login import certificate_ends
from tests.connectors.graph_worlds import GraphWorld, graph_world
from tests.servers.fake_graph import Cloud
from tests.servers.fake_graph_login import CLIENT, ENTERPRISE


@pytest.fixture
def world(microsoft: Cloud) -> Iterator[GraphWorld]:
    with graph_world(microsoft) as world:
        yield world


def _warnings(world: GraphWorld) -> tuple[tuple[str, str], ...]:
    account = world.account()
    account.streams()
    return account.grant().warnings


def test_an_app_that_reads_every_mailbox_is_warned_of_with_the_lines_that_narrow_it(world: GraphWorld) -> None:
    found = world.account().grant()
    ((warning, cure),) = found.warnings
    assert found.by == f"the app {CLIENT}"
    assert found.permissions == ("Calendars.Read", "Mail.Read")
    assert "every mailbox" in warning
    assert "revoke Calendars.Read, Mail.Read in Entra admin center > Enterprise applications" in cure
    assert f"New-ServicePrincipal -AppId {CLIENT} -ObjectId {ENTERPRISE} -DisplayName syncd" in cure
    for role in ("Application Mail.Read", "Application Calendars.Read"):
        line = f'New-ManagementRoleAssignment -App {ENTERPRISE} -CustomResourceScope "syncd mailboxes" -Role "{role}"'
        assert line in cure


@pytest.mark.parametrize("role", ["Contacts.Read", "Tasks.Read.All", "Mail.ReadBasic.All"])
def test_every_right_to_mailboxes_is_such_a_warning(world: GraphWorld, role: str) -> None:
    world.cloud.login.roles = frozenset({role, "Mail.Read"})
    ((warning, cure),) = (each for each in _warnings(world) if "every mailbox" in each[0])
    assert role in warning
    assert ("Exchange cannot grant" in cure) == role.startswith("Tasks.")


def test_a_mailbox_that_must_not_be_readable_and_is_is_named(world: GraphWorld) -> None:
    world.cloud.graph.mailbox("ceo@example.com", "Clara")
    world.settings = replace(world.settings, unreachable="ceo@example.com")
    ((warning, cure),) = world.account().grant().warnings
    assert "ceo@example.com" in warning
    assert "New-ManagementRoleAssignment" in cure


def test_rights_that_exchange_narrows_are_no_warning(world: GraphWorld) -> None:
    world.cloud.graph.mailbox("ceo@example.com", "Clara")
    world.settings = replace(world.settings, unreachable="ceo@example.com")
    world.cloud.graph.denied.add("ceo@example.com")  # by an old application access policy
    assert world.account().grant().warnings == ()
    world.cloud.login.roles = frozenset()
    world.cloud.login.tokens.clear()
    world.cloud.graph.scope = {"anna@example.com"}
    assert world.account().grant().warnings == ()


def test_a_scope_in_exchange_that_is_too_wide_is_found_by_the_mailbox_that_must_not_open(world: GraphWorld) -> None:
    world.cloud.graph.mailbox("ceo@example.com", "Clara")
    world.settings = replace(world.settings, unreachable="ceo@example.com")
    world.cloud.login.roles = frozenset()
    world.cloud.graph.scope = {"anna@example.com", "ceo@example.com"}
    ((warning, cure),) = _warnings(world)
    assert "ceo@example.com" in warning
    assert "-CustomResourceScope" in cure


@pytest.mark.parametrize(("role", "told"), [("Calendars.Read", "Calendars.Read"), ("Tasks.Read.All", "Tasks.Read")])
def test_what_opens_beside_mail_that_does_not_is_found(world: GraphWorld, role: str, told: str) -> None:
    world.cloud.graph.mailbox("ceo@example.com", "Clara")
    world.settings = replace(world.settings, unreachable="ceo@example.com")
    world.cloud.login.roles = frozenset({role})
    world.cloud.graph.scope = {"anna@example.com"}
    ((warning, _),) = _warnings(world)
    assert warning == f"the app can read ceo@example.com, too ({told}), which it must not"


def test_a_mailbox_that_is_not_there_proves_nothing(world: GraphWorld) -> None:
    world.settings = replace(world.settings, unreachable="cxo@example.com")
    ((warning, cure),) = _warnings(world)
    assert "could not be tried" in warning
    assert "`unreachable`" in cure


def test_what_exchange_grants_and_no_token_tells_is_told(world: GraphWorld) -> None:
    world.cloud.login.roles = frozenset()
    world.cloud.graph.scope = {"anna@example.com"}
    found = world.account().grant()
    assert found.permissions == ("Mail.Read by Exchange", "Calendars.Read by Exchange")
    ((warning, cure),) = found.warnings
    assert "told nowhere" in warning
    assert "`unreachable`" in cure


@pytest.mark.parametrize(("days", "warned"), [(20, True), (90, False)])
def test_a_certificate_that_ends_soon_is_a_warning_with_its_date(
    world: GraphWorld, microsoft: Cloud, days: int, warned: bool
) -> None:
    now = datetime(2026, 11, 25, 12, tzinfo=UTC)
    pem = _self_signed(now + timedelta(days=days))
    assert certificate_ends(pem) == now + timedelta(days=days)
    microsoft.login.certificates.append(pem[pem.index("-----BEGIN CERTIFICATE") :].encode())
    world.secret, world.now = pem, now
    told = [warning for warning, _ in _warnings(world) if "certificate ends on" in warning]
    assert told == ([f"the app's certificate ends on {now + timedelta(days=days):%Y-%m-%d}"] if warned else [])


def _self_signed(ends: datetime) -> str:
    """A key and its certificate, as `openssl req -x509` makes them."""
    key = generate_private_key(65537, 2048)
    name = Name([NameAttribute(NameOID.COMMON_NAME, "syncd")])
    begins = ends - timedelta(days=730)
    made = CertificateBuilder(name, name, key.public_key(), random_serial_number(), begins, ends)
    made = made.add_extension(BasicConstraints(ca=True, path_length=None), critical=True)
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return (private + made.sign(key, SHA256()).public_bytes(Encoding.PEM)).decode()


def test_what_could_write_is_named(world: GraphWorld) -> None:
    world.cloud.login.roles = frozenset({"Mail.ReadWrite", "Mail.Send"})
    assert any("Mail.ReadWrite, Mail.Send" in warning for warning, _ in world.account().grant().warnings)


def test_a_person_s_rights_are_that_person_s(world: GraphWorld) -> None:
    found = world.as_person().account().grant()
    assert (found.by, found.warnings) == ("anna@example.com", ())
    assert found.permissions == ("Calendars.Read", "Mail.Read", "User.Read")


def test_a_right_that_a_person_did_not_give_is_asked_for_by_the_command_that_gives_it(world: GraphWorld) -> None:
    world.cloud.login.consented = frozenset({"Mail.Read", "User.Read"})
    world.as_person()
    ((warning, cure),) = _warnings(world)
    assert "calendars are not read" in warning
    assert cure == "grant Calendars.Read (docs/microsoft.md), then syncd auth anna; or leave it out of `read`"
