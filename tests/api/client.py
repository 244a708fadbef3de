"""A thin synchronous client of the API server, for what a person or another controller would do."""

import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx

from tests.waiting import eventually

Object = dict[str, Any]

_PLURALS = {
    "APIService": "apiservices",
    "ConfigMap": "configmaps",
    "ControllerRevision": "controllerrevisions",
    "CustomResourceDefinition": "customresourcedefinitions",
    "ClusterRole": "clusterroles",
    "ClusterRoleBinding": "clusterrolebindings",
    "Deployment": "deployments",
    "EndpointSlice": "endpointslices",
    "Event": "events",
    "HorizontalPodAutoscaler": "horizontalpodautoscalers",
    "InferenceModel": "inferencemodels",
    "Lease": "leases",
    "MutatingWebhookConfiguration": "mutatingwebhookconfigurations",
    "Namespace": "namespaces",
    "Node": "nodes",
    "PersistentVolumeClaim": "persistentvolumeclaims",
    "Pod": "pods",
    "PodDisruptionBudget": "poddisruptionbudgets",
    "ReplicaSet": "replicasets",
    "ResourceQuota": "resourcequotas",
    "Role": "roles",
    "RoleBinding": "rolebindings",
    "ScaledObject": "scaledobjects",
    "Secret": "secrets",
    "Service": "services",
    "ServiceAccount": "serviceaccounts",
    "ServiceMonitor": "servicemonitors",
    "ValidatingWebhookConfiguration": "validatingwebhookconfigurations",
}
_API_VERSIONS = {
    "APIService": "apiregistration.k8s.io/v1",
    "CustomResourceDefinition": "apiextensions.k8s.io/v1",
    "ClusterRole": "rbac.authorization.k8s.io/v1",
    "ClusterRoleBinding": "rbac.authorization.k8s.io/v1",
    "ControllerRevision": "apps/v1",
    "Deployment": "apps/v1",
    "EndpointSlice": "discovery.k8s.io/v1",
    "HorizontalPodAutoscaler": "autoscaling/v2",
    "InferenceModel": "inference.sirocco.dev/v1alpha1",
    "Lease": "coordination.k8s.io/v1",
    "MutatingWebhookConfiguration": "admissionregistration.k8s.io/v1",
    "PodDisruptionBudget": "policy/v1",
    "ReplicaSet": "apps/v1",
    "Role": "rbac.authorization.k8s.io/v1",
    "RoleBinding": "rbac.authorization.k8s.io/v1",
    "ScaledObject": "keda.sh/v1alpha1",
    "ServiceMonitor": "monitoring.coreos.com/v1",
    "ValidatingWebhookConfiguration": "admissionregistration.k8s.io/v1",
}


class ApiError(Exception):
    """An answer of the API server that is not a success."""

    def __init__(self, response: httpx.Response) -> None:
        self.code = response.status_code
        try:
            self.message = str(response.json()["message"])
        except (ValueError, KeyError, TypeError):
            self.message = response.text
        super().__init__(f"{self.code}: {self.message}")


class Client:
    """Objects in and out as dictionaries; `kind` says which API, `namespace` None is cluster-wide."""

    def __init__(self, server: str, token: str, certificate: Path) -> None:
        context = ssl.create_default_context(cafile=str(certificate))
        self._http = httpx.Client(
            base_url=server,
            headers={"Authorization": f"Bearer {token}"},
            verify=context,
            trust_env=False,
        )

    def raw(
        self,
        method: str,
        path: str,
        body: Any = None,
        content_type: str = "application/json",
        accept: str = "application/json",
        seconds: float = 30,
        **query: str,
    ) -> httpx.Response:
        """One request as it is, answered within `seconds`."""
        headers = {"Content-Type": content_type, "Accept": accept}
        return self._http.request(method, path, params=query, json=body, headers=headers, timeout=seconds)

    def request(self, method: str, path: str, body: Any = None, **options: Any) -> Object:
        """One request; raises ApiError unless the API server says 2xx."""
        response = self.raw(method, path, body, **options)
        if not response.is_success:
            raise ApiError(response)
        answer: Object = response.json()
        return answer

    def path(self, kind: str, namespace: str | None, name: str = "", subresource: str = "") -> str:
        """The URL path of a collection, object or subresource."""
        version = _API_VERSIONS.get(kind, "v1")
        parts = [f"/api/{version}" if version == "v1" else f"/apis/{version}"]
        if namespace is not None:
            parts.append(f"namespaces/{namespace}")
        parts += [part for part in (_PLURALS[kind], name, subresource) if part]
        return "/".join(parts)

    def get(self, kind: str, namespace: str | None, name: str) -> Object:
        """One object; raises ApiError."""
        return self.request("GET", self.path(kind, namespace, name))

    def find(self, kind: str, namespace: str | None, name: str) -> Object | None:
        """One object, or None when it does not exist."""
        try:
            return self.get(kind, namespace, name)
        except ApiError as error:
            if error.code == 404:
                return None
            raise

    def objects(self, kind: str, namespace: str | None, selector: str = "") -> list[Object]:
        """The objects of a kind that a label selector chooses."""
        query = {"labelSelector": selector} if selector else {}
        items: list[Object] = self.request("GET", self.path(kind, namespace), **query)["items"]
        return items

    def create(self, manifest: Mapping[str, Any], **query: str) -> Object:
        """Create an object with a POST."""
        path = self.path(manifest["kind"], manifest["metadata"].get("namespace"))
        return self.request("POST", path, manifest, **query)

    def apply(self, manifest: Mapping[str, Any], manager: str = "person", **query: str) -> Object:
        """Server-side apply, forced, as `manager`."""
        meta = manifest["metadata"]
        path = self.path(manifest["kind"], meta.get("namespace"), meta["name"])
        return self.request(
            "PATCH",
            path,
            manifest,
            content_type="application/apply-patch+yaml",
            fieldManager=manager,
            force="true",
            **query,
        )

    def patch(
        self, kind: str, namespace: str | None, name: str, change: Mapping[str, Any], subresource: str = ""
    ) -> Object:
        """A JSON merge patch."""
        return self.request(
            "PATCH",
            self.path(kind, namespace, name, subresource),
            change,
            content_type="application/merge-patch+json",
        )

    def edit(self, kind: str, namespace: str, name: str, change: Mapping[str, Any]) -> Object:
        """A strategic merge patch, as `kubectl edit`, `set` and `rollout` send: lists are merged by keys."""
        return self.request(
            "PATCH",
            self.path(kind, namespace, name),
            change,
            content_type="application/strategic-merge-patch+json",
            fieldManager="kubectl-edit",
        )

    def replace_spec(self, kind: str, namespace: str, name: str, spec: Mapping[str, Any]) -> Object:
        """Give an object another spec as a whole, as `kubectl replace` does."""
        return self.request(
            "PATCH",
            self.path(kind, namespace, name),
            [{"op": "replace", "path": "/spec", "value": spec}],
            content_type="application/json-patch+json",
        )

    def delete(self, kind: str, namespace: str | None, name: str, **query: str) -> None:
        """Delete an object; one that does not exist is as good."""
        try:
            self.request("DELETE", self.path(kind, namespace, name), **query)
        except ApiError as error:
            if error.code != 404:
                raise

    def wait_established(self, crd: str) -> None:
        """Wait until a CRD is served."""

        def established() -> bool:
            status = self.get("CustomResourceDefinition", None, crd).get("status") or {}
            return any(
                condition["type"] == "Established" and condition["status"] == "True"
                for condition in status.get("conditions") or ()
            )

        eventually(established, 60, f"CRD {crd} to be established", 0.05)
