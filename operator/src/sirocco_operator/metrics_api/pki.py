"""Issues serving certificates and plans their rotation. Pure: callers pass the time.

Each certificate has its own CA, whose key is discarded after signing. Before a certificate expires, the next
one is issued and its CA is published beside the first. The next certificate is served only after an overlap,
so that the API server trusts whatever any replica serves.
"""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

LIFETIME: Final = timedelta(days=90)
# The next certificate is issued when the served one expires within this time.
RENEWAL: Final = timedelta(days=30)
# Certificates are valid from before their issue, because clocks differ.
_CLOCK_SKEW: Final = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Leaf:
    """A certificate and its key in PEM."""

    certificate: bytes
    key: bytes

    @property
    def expiry(self) -> datetime:
        """When the certificate expires."""
        return self._x509.not_valid_after_utc

    @property
    def issued_at(self) -> datetime:
        """When the certificate was issued."""
        return self._x509.not_valid_before_utc + _CLOCK_SKEW

    def names(self) -> frozenset[str]:
        """The certificate's DNS names."""
        try:
            found = self._x509.extensions.get_extension_for_class(x509.SubjectAlternativeName)
        except x509.ExtensionNotFound:
            return frozenset()
        return frozenset(found.value.get_values_for_type(x509.DNSName))

    def key_matches(self) -> bool:
        """Whether the key belongs to the certificate."""
        key = serialization.load_pem_private_key(self.key, None)
        return bool(key.public_key() == self._x509.public_key())

    @property
    def _x509(self) -> x509.Certificate:
        return x509.load_pem_x509_certificate(self.certificate)


@dataclass(frozen=True, slots=True)
class Certificates:
    """The served certificate, the next one, and the CAs (PEM) that the API server should trust."""

    served: Leaf
    bundle: bytes
    following: Leaf | None = None


def issue(names: Sequence[str], now: datetime) -> tuple[Leaf, bytes]:
    """A new certificate for these DNS names, and its CA's certificate."""
    start, end = now - _CLOCK_SKEW, now + LIFETIME
    ca_key = ec.generate_private_key(ec.SECP256R1())
    # CAs need distinct names, because a bundle holds several.
    ca_name = x509.Name(
        [x509.NameAttribute(NameOID.COMMON_NAME, f"sirocco-operator-metrics {now:%Y-%m-%d %H:%M:%S.%f}")]
    )
    ca_id = x509.SubjectKeyIdentifier.from_public_key(ca_key.public_key())
    ca = (
        x509.CertificateBuilder()
        .subject_name(ca_name)
        .issuer_name(ca_name)
        .public_key(ca_key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(end)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs=False), critical=True)
        .add_extension(ca_id, critical=False)
        .sign(ca_key, hashes.SHA256())
    )
    key = ec.generate_private_key(ec.SECP256R1())
    leaf = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sirocco-operator")]))
        .issuer_name(ca_name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(end)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name) for name in names]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs=True), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(ca_id), critical=False)
        .sign(ca_key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return Leaf(_pem(leaf), private), _pem(ca)


def plan(
    found: Certificates | None, names: Sequence[str], published: bytes, now: datetime, overlap: timedelta
) -> Certificates:
    """The certificates to keep; `found` itself when nothing is due.

    `published` is the bundle that the API server trusts now.
    """
    if found is None or not _usable(found.served, names, now):
        # A new certificate is served at once, before the API server trusts it: an expired one helps nobody.
        leaf, ca = issue(names, now)
        return Certificates(leaf, (b"" if found is None else _trusted_authorities(found, now)) + ca)
    following = found.following
    if following is None or not _usable(following, names, now):
        if found.served.expiry - now > RENEWAL:
            return found
        leaf, ca = issue(names, now)
        return replace(found, following=leaf, bundle=_trusted_authorities(found, now) + ca)
    published_everywhere = published == found.bundle and now - following.issued_at >= overlap
    return replace(found, served=following, following=None) if published_everywhere else found


def from_secret(data: Mapping[str, str]) -> Certificates | None:
    """Read a Secret's data; None unless all of it is usable."""
    try:
        content = {name: base64.b64decode(value) for name, value in data.items()}
        served = Leaf(content["tls.crt"], content["tls.key"])
        following = None
        if "next.crt" in content:
            following = Leaf(content["next.crt"], content["next.key"])
        found = Certificates(served, content["ca.crt"], following)
        fits = all(leaf.key_matches() for leaf in (served, following) if leaf is not None)
        return found if fits and x509.load_pem_x509_certificates(found.bundle) else None
    except (KeyError, ValueError, TypeError):
        return None


def to_secret(certificates: Certificates) -> dict[str, str]:
    """The Secret's data for these certificates."""
    content = {
        "tls.crt": certificates.served.certificate,
        "tls.key": certificates.served.key,
        "ca.crt": certificates.bundle,
    }
    if certificates.following is not None:
        content["next.crt"] = certificates.following.certificate
        content["next.key"] = certificates.following.key
    return {name: base64.b64encode(value).decode() for name, value in content.items()}


def utc_now() -> datetime:
    """The time in UTC."""
    return datetime.now(UTC)


def _usable(leaf: Leaf, names: Sequence[str], now: datetime) -> bool:
    return leaf.expiry > now and leaf.names() >= frozenset(names)


def _trusted_authorities(found: Certificates, now: datetime) -> bytes:
    """The CAs of every certificate that some replica may still serve, the newest last.

    These are the served certificate's CA and the two newest ones, for replicas that have not read the last
    change yet.
    """
    leaf = x509.load_pem_x509_certificate(found.served.certificate)
    authorities = x509.load_pem_x509_certificates(found.bundle)
    kept = [ca for ca in authorities if ca in authorities[-2:] or _signed(ca, leaf)]
    return b"".join(_pem(ca) for ca in kept if ca.not_valid_after_utc > now)


def _signed(ca: x509.Certificate, leaf: x509.Certificate) -> bool:
    try:
        leaf.verify_directly_issued_by(ca)
    except (InvalidSignature, ValueError, TypeError):
        return False
    return True


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _usage(*, signs: bool) -> x509.KeyUsage:
    """The key usage of a serving certificate, which signs handshakes, or of a CA."""
    return x509.KeyUsage(
        digital_signature=signs,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=not signs,
        crl_sign=not signs,
        encipher_only=False,
        decipher_only=False,
    )


def bundle_of(api_service: Mapping[str, Any]) -> bytes:
    """The CA bundle (PEM) of an APIService; empty without one."""
    return base64.b64decode((api_service.get("spec") or {}).get("caBundle") or "")
