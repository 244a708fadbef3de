"""The API server trusts what any replica serves, at every moment of a rotation."""

import base64
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.x509.verification import PolicyBuilder, Store

from sirocco_operator.metrics_api.pki import (
    LIFETIME,
    RENEWAL,
    Certificates,
    Leaf,
    bundle_of,
    from_secret,
    issue,
    plan,
    to_secret,
)

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
NAMES = ("sirocco-operator.sirocco-system.svc",)
OVERLAP = timedelta(minutes=5)
SECOND = timedelta(seconds=1)


def plan_at(found: Certificates | None, now: datetime, published: bytes | None = None) -> Certificates:
    """The plan at `now`; by default the API server trusts the bundle of `found`."""
    trusted = published if published is not None else found.bundle if found is not None else b""
    return plan(found, NAMES, trusted, now, OVERLAP)


def believed(leaf: Leaf, bundle: bytes, at: datetime) -> bool:
    """Whether a client that knows the bundle takes the certificate for the Service's name."""
    authorities = x509.load_pem_x509_certificates(bundle)
    verifier = (
        PolicyBuilder().store(Store(authorities)).time(at).build_server_verifier(x509.DNSName(NAMES[0]))
    )
    try:
        verifier.verify(x509.load_pem_x509_certificate(leaf.certificate), [])
    except x509.verification.VerificationError:
        return False
    return True


def test_a_new_certificate_is_believed_by_its_authority_alone() -> None:
    leaf, ca = issue(NAMES, NOW)
    other, _ = issue(NAMES, NOW)
    assert believed(leaf, ca, NOW)
    assert not believed(other, ca, NOW)
    assert leaf.key_matches()
    assert leaf.expiry == NOW + LIFETIME
    assert leaf.issued_at == NOW


def test_a_fresh_certificate_is_left_as_it_is() -> None:
    first = plan_at(None, NOW)
    assert plan_at(first, NOW + LIFETIME - RENEWAL - SECOND) is first


def test_the_next_certificate_is_made_long_before_the_served_one_ends() -> None:
    first = plan_at(None, NOW)
    due = NOW + LIFETIME - RENEWAL
    second = plan_at(first, due)
    assert second.served == first.served
    assert second.following is not None
    assert believed(second.served, second.bundle, due)
    assert believed(second.following, second.bundle, due)


def test_the_next_certificate_is_served_only_once_its_authority_is_known_everywhere() -> None:
    due = NOW + LIFETIME - RENEWAL
    first = plan_at(None, NOW)
    second = plan_at(first, due)
    assert plan_at(second, due + OVERLAP - SECOND) is second
    assert plan_at(second, due + OVERLAP, published=first.bundle) is second
    third = plan_at(second, due + OVERLAP)
    assert (third.served, third.following) == (second.following, None)
    assert believed(first.served, third.bundle, due + OVERLAP)


def test_a_year_of_rotations_never_shows_what_is_not_believed() -> None:
    kept, now, published, served = plan_at(None, NOW), NOW, b"", set[bytes]()
    while now < NOW + timedelta(days=365):
        published = kept.bundle
        changed = plan(kept, NAMES, published, now, OVERLAP)
        # Replicas may have read the change or not, and so may API servers.
        for leaf in (kept.served, changed.served):
            assert believed(leaf, published, now)
            assert believed(leaf, changed.bundle, now)
        served.add(changed.served.certificate)
        kept = changed
        now += timedelta(hours=6)
    assert len(served) == 7
    assert len(x509.load_pem_x509_certificates(kept.bundle)) == 2


def test_a_certificate_that_has_ended_is_replaced_at_once() -> None:
    first = plan_at(None, NOW)
    late = NOW + LIFETIME + SECOND
    second = plan_at(first, late)
    assert second.served != first.served
    assert believed(second.served, second.bundle, late)


def test_a_certificate_for_another_service_is_replaced_and_still_believed() -> None:
    leaf, ca = issue(("another.svc",), NOW)
    found = plan_at(Certificates(leaf, ca), NOW)
    assert found.served.names() == set(NAMES)
    assert ca in found.bundle


def test_a_secret_keeps_everything() -> None:
    first = plan_at(None, NOW)
    second = plan_at(first, NOW + LIFETIME - RENEWAL)
    assert from_secret(to_secret(first)) == first
    assert from_secret(to_secret(second)) == second


def test_a_secret_that_somebody_spoilt_is_as_none() -> None:
    data = to_secret(plan_at(None, NOW))
    other = to_secret(plan_at(None, NOW))
    assert from_secret({}) is None
    assert from_secret({**data, "tls.key": other["tls.key"]}) is None
    assert from_secret({**data, "ca.crt": base64.b64encode(b"x").decode()}) is None
    assert from_secret({**data, "next.crt": other["tls.crt"]}) is None


def test_an_api_service_without_a_bundle_has_an_empty_one() -> None:
    assert bundle_of({"spec": {}}) == b""
    assert bundle_of({"spec": {"caBundle": base64.b64encode(b"x").decode()}}) == b"x"
