"""What the operator, and people, may do."""

from collections.abc import Iterable

from tests.chart.helm import Manifest, find, names, render

CHILDREN = {
    ("", "configmaps"),
    ("", "serviceaccounts"),
    ("", "services"),
    ("apps", "deployments"),
    ("policy", "poddisruptionbudgets"),
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
}
NODES = {("", "nodes"): {"list"}}
EVERYTHING = {**dict.fromkeys(CHILDREN, CHILD_VERBS), **OTHERS}
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


def test_operator_may_do_exactly_what_it_does() -> None:
    assert granted(find(render(), "ClusterRole")) == {**EVERYTHING, **NODES}


def test_no_role_has_a_wildcard_or_reads_secrets() -> None:
    for role in roles([*render(), *render(TWO_NAMESPACES)]):
        for rule in role["rules"]:
            assert "*" not in [*rule["apiGroups"], *rule["resources"], *rule["verbs"]]
            assert "secrets" not in rule["resources"] or rule["verbs"] == ["create"]
            assert not {"escalate", "bind", "impersonate"} & set(rule["verbs"])


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


def test_roles_are_bound_to_the_operators_account() -> None:
    for manifests in (render(), render(TWO_NAMESPACES)):
        bindings = [one for one in manifests if one["kind"].endswith("RoleBinding")]
        account = find(manifests, "ServiceAccount")["metadata"]
        subject = {"kind": "ServiceAccount", "name": account["name"], "namespace": account["namespace"]}
        assert all(one["subjects"] == [subject] for one in bindings)
        bound = {
            (one["roleRef"]["kind"], one["metadata"].get("namespace"), one["roleRef"]["name"])
            for one in bindings
        }
        operators = {
            (one["kind"], one["metadata"].get("namespace"), one["metadata"]["name"])
            for one in roles(manifests)
            if "-models-" not in one["metadata"]["name"]
        }
        assert bound == operators


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
