"""One context for all, which always verifies."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest
import trustme

from connectors import tls
from syncd.errors import Permanent


def test_every_context_verifies_certificate_and_name(tmp_path: Path) -> None:
    trustme.CA().cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    for context in (tls.context(None), tls.context(tmp_path / "ca.pem")):
        assert context.verify_mode == ssl.CERT_REQUIRED
        assert context.check_hostname
        assert context.minimum_version >= ssl.TLSVersion.TLSv1_2


def test_connections_share_a_context_until_its_file_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "ca.pem"
    trustme.CA().cert_pem.write_to_path(str(path))
    first = tls.context(path)
    assert tls.context(path) is first
    path.unlink()
    trustme.CA().cert_pem.write_to_path(str(path))
    assert tls.context(path).get_ca_certs() != first.get_ca_certs()


def test_a_file_without_certificates_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("no certificate")
    with pytest.raises(Permanent, match=r"certificate|PEM"):
        tls.context(tmp_path / "ca.pem")
