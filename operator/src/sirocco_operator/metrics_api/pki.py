"""The serving certificate: how it is made, and when which one is served. Pure; the time is given.

Each certificate has a CA of its own, whose key is thrown away once it has signed it. Before a certificate
ends another is made, and its CA is told to the API server beside the first; only then, after an overlap, is
the other one served. So at every moment whatever a replica serves is believed.
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
# The next certificate is made when the served one lasts no longer than this.
RENEWAL: Final = timedelta(days=30)
# A certificate is valid from some time before it is made: clocks differ.
_CLOCK_SKEW: Final = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Leaf:
    """A certificate and its key, PEM."""

    certificate: bytes
    key: bytes

    @property
    def expiry(self) -> datetime:
        """When it ends."""
        return self._x509.not_valid_after_utc

    @property
    def issued_at(self) -> datetime:
        """When it was made."""
        return self._x509.not_valid_before_utc + _CLOCK_SKEW

    def names(self) -> frozenset[str]:
        """The DNS names that it is for."""
        try:
            found = self._x509.extensions.get_extension_for_class(x509.SubjectAlternativeName)
        except x509.ExtensionNotFound:
            return frozenset()
        return frozenset(found.value.get_values_for_type(x509.DNSName))

    def key_matches(self) -> bool:
        """Whether the key is the certificate's."""
        key = serialization.load_pem_private_key(self.key, None)
        return bool(key.public_key() == self._x509.public_key())

    @property
    def _x509(self) -> x509.Certificate:
        return x509.load_pem_x509_certificate(self.certificate)


@dataclass(frozen=True, slots=True)
class Certificates:
    """What is served, what is served next, and the CAs that the API server is to believe (PEM)."""

    served: Leaf
    bundle: bytes
    following: Leaf | None = None


def issue(names: Sequence[str], now: datetime) -> tuple[Leaf, bytes]:
    """A certificate for DNS names, and its CA's certificate."""
    start, end = now - _CLOCK_SKEW, now + LIFETIME
    ca_key = ec.generate_private_key(ec.SECP256R1())
    # A name of its own: a bundle holds several CAs.
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
    """What is to be kept now; the same object when nothing is to be done.

    `published` is the bundle that the API server believes in now.
    """
    if found is None or not _usable(found.served, names, now):
        leaf, ca = issue(names, now)
        return Certificates(leaf, (b"" if found is None else _trusted_authorities(found, now)) + ca)
    following = found.following
    if following is None or not _usable(following, names, now):
        if found.served.expiry - now > RENEWAL:
            return found
        leaf, ca = issue(names, now)
        return replace(found, following=leaf, bundle=_trusted_authorities(found, now) + ca)
    published_everywhere = published == found.bundle and now - following.issued_at >= overlap
    # One that is about to end is worth nothing more: better a new one that is not told everywhere.
    return replace(found, served=following, following=None) if published_everywhere else found


def from_secret(data: Mapping[str, str]) -> Certificates | None:
    """Read a Secret's data; None when there is nothing in it that can be used."""
    try:
        content = {name: base64.b64decode(value) for name, value in data.items()}
        served = Leaf(content["tls.crt"], content["tls.key"])
        following = None
        if "next.crt" in content:
            following = Leaf(content["next.crt"], content["next.key"])
        found = Certificates(served, content["ca.crt"], following)
        # All of it can be read, or it is none.
        fits = all(leaf.key_matches() for leaf in (served, following) if leaf is not None)
        return found if fits and x509.load_pem_x509_certificates(found.bundle) else None
    except (KeyError, ValueError, TypeError):
        return None


def to_secret(certificates: Certificates) -> dict[str, str]:
    """A Secret's data."""
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
    """The CAs, the newest last, that a certificate may have which some replica serves.

    That is the one of the served certificate, and the two newest, for replicas that have not read the last
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
    """For the certificate that is served (it signs handshakes), or for a CA."""
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
    """The CAs by which the API server checks an APIService's certificate."""
    return base64.b64decode((api_service.get("spec") or {}).get("caBundle") or "")
