"""What the operator, and people, may do."""

from collections.abc import Iterable

import pytest

from tests.chart.helm import API_SERVICE, Manifest, find, names, read, render, template

CHILDREN = {
    ("", "configmaps"),
    ("", "serviceaccounts"),
    ("", "services"),
    ("apps", "controllerrevisions"),
    ("apps", "deployments"),
    ("policy", "poddisruptionbudgets"),
    ("autoscaling", "horizontalpodautoscalers"),
    ("keda.sh", "scaledobjects"),
    ("monitoring.coreos.com", "servicemonitors"),
}
CHILD_VERBS = {"get", "list", "watch", "create", "patch", "delete"}
# What the operator may do besides, by API group and resource.
OTHERS = {
    ("inference.sirocco.dev", "inferencemodels"): {"get", "list", "watch"},
    ("inference.sirocco.dev", "inferencemodels/status"): {"patch"},
    ("inference.sirocco.dev", "inferencemodels/finalizers"): {"update"},
    ("", "secrets"): {"create"},
    ("", "pods"): {"list", "watch"},
    ("", "events"): {"list"},
    ("", "persistentvolumeclaims"): {"get"},
    ("events.k8s.io", "events"): {"create"},
    ("coordination.k8s.io", "leases"): {"create", "get", "list", "watch", "update"},
    ("apps", "replicasets"): {"get"},
}
NODES = {("", "nodes"): {"list"}}
METRICS_API = {("apiregistration.k8s.io", "apiservices"): {"get", "patch"}}
EVERYTHING = {**dict.fromkeys(CHILDREN, CHILD_VERBS), **OTHERS}
KEDA = {"autoscaling": {"provider": "keda", "keda": {"serverAddress": "http://prometheus:9090"}}}
CERT_MANAGER = {"metricsApi": {"certManager": {"enabled": True}}}
TWO_NAMESPACES = {"watchNamespaces": ["team-a", "team-b"]}


def granted(role: Manifest) -> dict[tuple[str, str], set[str]]:
    """The verbs of a role by API group and resource."""
    verbs: dict[tuple[str, str], set[str]] = {}
    for rule in role["rules"]:
        for group in rule["apiGroups"]:
            for resource in rule["resources"]:
                verbs.setdefault((group, resource), set()).update(rule["verbs"])
    return verbs


def roles(manifests: Iterable[Manifest]) -> list[Manifest]:
    return [one for one in manifests if one["kind"] in ("Role", "ClusterRole")]


def rules_of(manifests: Iterable[Manifest], resource: str) -> list[tuple[tuple[str, ...], set[str]]]:
    """The names that each rule on a resource is limited to, and its verbs, over all roles."""
    return [
        (tuple(rule.get("resourceNames", [])), set(rule["verbs"]))
        for role in roles(manifests)
        for rule in role["rules"]
        if resource in rule["resources"]
    ]


def test_operator_may_do_exactly_what_it_does() -> None:
    assert granted(find(render(), "ClusterRole")) == {**EVERYTHING, **NODES, **METRICS_API}


@pytest.mark.parametrize("values", [KEDA, CERT_MANAGER], ids=["keda", "cert-manager"])
def test_no_api_service_may_be_changed_where_the_operator_has_no_need_to(values: Manifest) -> None:
    reads = {("apiregistration.k8s.io", "apiservices"): {"get"}}
    assert granted(find(render(values), "ClusterRole")) == {**EVERYTHING, **NODES, **reads}


def test_no_role_has_a_wildcard() -> None:
    for role in roles([*render(), *render(TWO_NAMESPACES), *render(KEDA)]):
        for rule in role["rules"]:
            assert "*" not in [*rule["apiGroups"], *rule["resources"], *rule["verbs"]]
            assert not {"escalate", "bind", "impersonate"} & set(rule["verbs"])


@pytest.mark.parametrize(
    ("values", "own"),
    [
        ({}, {"sirocco-operator-internal": {"get"}, "sirocco-operator-metrics-tls": {"get", "update"}}),
        (CERT_MANAGER, {"sirocco-operator-internal": {"get"}}),
        (KEDA, {"sirocco-operator-internal": {"get"}}),
        (TWO_NAMESPACES, {"sirocco-operator-internal": {"get"}}),
    ],
    ids=["builtin", "cert-manager", "keda", "two namespaces"],
)
def test_of_secrets_only_the_operators_own_are_read(values: Manifest, own: dict[str, set[str]]) -> None:
    manifests = render(values)
    rules = rules_of(manifests, "secrets")
    assert all(verbs == {"create"} for resource_names, verbs in rules if not resource_names)
    assert {name: verbs for (name,), verbs in (rule for rule in rules if rule[0])} == own
    role = find(manifests, "Role", "sirocco-operator-secrets")
    assert role["metadata"]["namespace"] == "sirocco-system"
    assert len(rules_of([role], "secrets")) == len(own) + 1


def test_only_the_own_api_service_may_be_changed() -> None:
    rules = rules_of(render(), "apiservices")
    assert rules == [(("v1beta1.custom.metrics.k8s.io", API_SERVICE), {"get"}), ((API_SERVICE,), {"patch"})]


def test_given_namespaces_have_a_role_each_and_the_cluster_none() -> None:
    manifests = render(TWO_NAMESPACES)
    found = {
        one["metadata"]["namespace"]: granted(one)
        for one in roles(manifests)
        if one["metadata"]["name"] == "sirocco-operator"
    }
    assert found == {"team-a": EVERYTHING, "team-b": EVERYTHING}
    assert not {"ClusterRole/sirocco-operator", "ClusterRoleBinding/sirocco-operator"} & set(names(manifests))


def test_release_namespace_may_be_among_those_watched() -> None:
    manifests = render({"watchNamespaces": ["sirocco-system"]})
    keys = [
        (one["kind"], one["metadata"].get("namespace"), one["metadata"]["name"])
        for one in manifests
        if one["kind"] != "Pod"
    ]
    assert len(keys) == len(set(keys))


def bindings(manifests: Iterable[Manifest]) -> set[tuple[str, str, str]]:
    """Where each binding is, and what it binds; the namespace is empty for the whole cluster."""
    return {
        (one["metadata"].get("namespace", ""), one["roleRef"]["kind"], one["roleRef"]["name"])
        for one in manifests
        if one["kind"].endswith("RoleBinding")
    }


# Kubernetes' own roles for one who serves an API through the API server.
AGGREGATED = {
    ("", "ClusterRole", "system:auth-delegator"),
    ("kube-system", "Role", "extension-apiserver-authentication-reader"),
}


@pytest.mark.parametrize(
    ("values", "kubernetes_own"),
    [({}, AGGREGATED), (TWO_NAMESPACES, set()), (KEDA, set())],
    ids=["builtin", "two namespaces", "keda"],
)
def test_roles_are_bound_to_the_operators_account(
    values: Manifest, kubernetes_own: set[tuple[str, str, str]]
) -> None:
    manifests = render(values)
    account = find(manifests, "ServiceAccount")["metadata"]
    subject = {"kind": "ServiceAccount", "name": account["name"], "namespace": account["namespace"]}
    bound = {
        one["metadata"]["name"]: one["subjects"]
        for one in manifests
        if one["kind"].endswith("RoleBinding") and one["roleRef"]["name"] != "sirocco-operator-seen"
    }
    assert all(subjects == [subject] for subjects in bound.values())
    operators = {
        (one["metadata"].get("namespace", ""), one["kind"], one["metadata"]["name"])
        for one in roles(manifests)
        if "-models-" not in one["metadata"]["name"]
    }
    assert bindings(manifests) == operators | kubernetes_own


def test_other_releases_may_read_the_lease_and_nothing_else() -> None:
    manifests = render()
    binding = find(manifests, "RoleBinding", "sirocco-operator-seen")
    group = "rbac.authorization.k8s.io"
    assert binding["subjects"] == [{"apiGroup": group, "kind": "Group", "name": "system:serviceaccounts"}]
    role = find(manifests, "Role", "sirocco-operator-seen")
    assert role["metadata"]["namespace"] == "sirocco-system"
    assert rules_of([role], "leases") == [(("sirocco-operator",), {"get"})]
    assert len(role["rules"]) == 1


def test_of_a_namespaces_leases_only_the_claim_is_read_and_changed() -> None:
    for role in (find(render(), "ClusterRole"), find(render({"watchNamespaces": ["team-a"]}), "Role")):
        assert rules_of([role], "leases") == [
            ((), {"create"}),
            (("sirocco-owner",), {"get", "list", "watch", "update"}),
        ]


def test_each_release_has_a_lease_of_its_own() -> None:
    manifests = read(template(release="second"))
    role = find(manifests, "Role", "second-operator-lease")
    assert rules_of([role], "leases")[1] == (("second-operator",), {"get", "update"})
    environment = find(manifests, "Deployment", "second-operator")["spec"]["template"]["spec"]["containers"][
        0
    ]
    assert {"name": "SIROCCO_LEASE_NAME", "value": "second-operator"} in environment["env"]


def test_lease_is_the_only_one_that_may_be_changed() -> None:
    role = find(render(), "Role", "sirocco-operator-lease")
    assert role["metadata"]["namespace"] == "sirocco-system"
    assert role["rules"] == [
        {"apiGroups": ["coordination.k8s.io"], "resources": ["leases"], "verbs": ["create"]},
        {
            "apiGroups": ["coordination.k8s.io"],
            "resources": ["leases"],
            "resourceNames": ["sirocco-operator"],
            "verbs": ["get", "update"],
        },
    ]


def test_the_clusters_own_roles_are_given_the_models() -> None:
    manifests = render()
    view = find(manifests, "ClusterRole", "sirocco-models-view")
    edit = find(manifests, "ClusterRole", "sirocco-models-edit")
    assert view["metadata"]["labels"]["rbac.authorization.k8s.io/aggregate-to-view"] == "true"
    assert edit["metadata"]["labels"]["rbac.authorization.k8s.io/aggregate-to-edit"] == "true"
    assert edit["metadata"]["labels"]["rbac.authorization.k8s.io/aggregate-to-admin"] == "true"
    assert set.union(*granted(view).values()) == {"get", "list", "watch"}


def test_the_clusters_own_roles_can_be_left_alone() -> None:
    assert not [name for name in names(render({"rbac": {"aggregate": False}})) if "-models-" in name]
