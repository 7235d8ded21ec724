# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The cluster's certificates and kubeconfigs. Every part has its own user: the audit log tells who asked for what."""

from __future__ import annotations

import base64
import datetime
import ipaddress
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_CLOCK_SKEW = datetime.timedelta(minutes=5)
_VALID = datetime.timedelta(days=3650)
_CLIENT, _SERVER = ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH


@dataclass(frozen=True)
class Identity:
    """A user as a client certificate names it: common name and organizations."""

    user: str
    groups: tuple[str, ...] = ()

    @property
    def subject(self) -> x509.Name:
        """The certificate's subject."""
        groups = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, group) for group in self.groups]
        return x509.Name([*groups, x509.NameAttribute(NameOID.COMMON_NAME, self.user)])


CONTROL_PLANE = Identity("kwok-admin", ("system:masters",))


@dataclass(frozen=True)
class Pair:
    """A certificate and its key."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @property
    def certificate_pem(self) -> bytes:
        """The certificate as PEM."""
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    @property
    def key_pem(self) -> bytes:
        """The key as PEM, not encrypted, in the one form of EC keys that every part of Kubernetes reads."""
        plain = serialization.NoEncryption()
        return self.key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, plain)

    def write(self, folder: Path, name: str) -> None:
        """Write ``name.crt`` and ``name.key``, readable by this user alone."""
        write_private(folder / f"{name}.crt", self.certificate_pem)
        write_private(folder / f"{name}.key", self.key_pem)


class Authority:
    """A certificate authority of one cluster.

    kwokctl can make one itself, but with a serial number and without extensions that RFC 5280 wants; strict clients,
    such as Python 3.13, refuse its certificates.
    """

    def __init__(self) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        name = Identity("maas-sandbox").subject
        usage = _usage(key_cert_sign=True)
        ca = x509.BasicConstraints(ca=True, path_length=None)
        builder = _builder(name, name, key).add_extension(ca, critical=True).add_extension(usage, critical=True)
        self.own = Pair(builder.sign(key, hashes.SHA256()), key)

    def issue(self, identity: Identity, purposes: Sequence[x509.ObjectIdentifier] = (_CLIENT,)) -> Pair:
        """Return a certificate for that user; one for servers is good for this machine's loopback."""
        key = ec.generate_private_key(ec.SECP256R1())
        builder = _builder(identity.subject, self.own.certificate.subject, key)
        builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        builder = builder.add_extension(_usage(digital_signature=True), critical=True)
        builder = builder.add_extension(x509.ExtendedKeyUsage(purposes), critical=False)
        issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(self.own.key.public_key())
        builder = builder.add_extension(issuer, critical=False)
        if _SERVER in purposes:
            names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        return Pair(builder.sign(self.own.key, hashes.SHA256()), key)

    def write_for_kwokctl(self, folder: Path) -> None:
        """Write what kwokctl takes for its own: the authority, and the one pair that the control plane uses."""
        folder.mkdir(parents=True, mode=0o700)
        self.own.write(folder, "ca")
        self.issue(CONTROL_PLANE, (_CLIENT, _SERVER)).write(folder, "admin")


def _builder(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    builder = x509.CertificateBuilder(
        issuer_name=issuer,
        subject_name=subject,
        public_key=key.public_key(),
        serial_number=x509.random_serial_number(),
        not_valid_before=now - _CLOCK_SKEW,
        not_valid_after=now + _VALID,
    )
    return builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)


def _usage(*, digital_signature: bool = False, key_cert_sign: bool = False) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=digital_signature,
        key_cert_sign=key_cert_sign,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )


def write_kubeconfig(path: Path, server: str, context: str, authority: Authority, identity: Identity) -> None:
    """Write a kubeconfig that stands on its own: certificates and key are in it."""
    pair = authority.issue(identity)
    user = {"client-certificate-data": _text(pair.certificate_pem), "client-key-data": _text(pair.key_pem)}
    cluster = {"server": server, "certificate-authority-data": _text(authority.own.certificate_pem)}
    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": context,
        "contexts": [{"name": context, "context": {"cluster": context, "user": identity.user}}],
        "clusters": [{"name": context, "cluster": cluster}],
        "users": [{"name": identity.user, "user": user}],
    }
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    write_private(path, yaml.safe_dump(content, sort_keys=False).encode())


def write_private(path: Path, content: bytes) -> None:
    """Write a file (mode 0600) in one step."""
    new = path.with_name(f"{path.name}.new")
    new.unlink(missing_ok=True)  # an old one would keep its mode
    with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)
    os.replace(new, path)


def _text(pem: bytes) -> str:
    return base64.b64encode(pem).decode("ascii")
