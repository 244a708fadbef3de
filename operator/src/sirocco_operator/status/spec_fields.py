"""Which field names an image, a Secret or a claim: what a person has to change.

A field is told with its own path in the model's spec, or as the chart's value where the model leaves it out.
"""

import re

from sirocco_operator.api.model_source import IMAGE_SCHEME, ClaimSource, parse_uri
from sirocco_operator.api.pod import OPERATOR_VOLUMES
from sirocco_operator.api.v1alpha1 import Device, InferenceModel
from sirocco_operator.children.internal_secret import internal_secret_name
from sirocco_operator.status.observed import Manifest

QUOTED_IMAGE = re.compile(r'image "([^"]+)"')


def engine_image_field(model: InferenceModel) -> str:
    """The field that the serving image of the model's pods comes from."""
    if model.spec.engine.image:
        return "engine.image"
    return f"the chart's serving.{'cpuImage' if model.spec.device is Device.CPU else 'image'}"


def is_weights_image(model: InferenceModel, message: str) -> bool:
    """Whether the kubelet's message about an image means the one with the weights (oci://).

    A container waits alike for its own image and for those of its volumes.
    """
    uri = model.spec.model.uri
    if not uri.startswith(IMAGE_SCHEME):
        return False
    reference = uri.removeprefix(IMAGE_SCHEME)
    # containerd writes the registry and the tag that a short name leaves out.
    full = re.compile(rf"(.+/)?{re.escape(reference)}(:latest)?")
    return any(full.fullmatch(image) for image in QUOTED_IMAGE.findall(message))


def secret_field(model: InferenceModel, pod: Manifest, secret: str) -> str:
    """The field that names a Secret of the pod."""
    spec = model.spec
    if secret == spec.model.secret_name:
        return "model.secretName"
    if secret == spec.access.keys_secret_name:
        return "access.keysSecretName"
    if spec.tracing is not None and secret == spec.tracing.headers_secret_name:
        return "tracing.headersSecretName"
    if secret == internal_secret_name(model.metadata.name):
        return "the operator"
    return _volume_field(pod, "secret", "secretName", secret)


def config_map_field(pod: Manifest, config_map: str) -> str:
    """The field that names a ConfigMap of the pod."""
    return _volume_field(pod, "configMap", "name", config_map)


def claim_field(model: InferenceModel, pod: Manifest, claim: str) -> str:
    """The field that names a PersistentVolumeClaim of the pod."""
    source = parse_uri(model.spec.model.uri, model.spec.model.revision)
    if isinstance(source, ClaimSource) and source.claim == claim:
        return "model.uri"
    if model.spec.cache is not None and model.spec.cache.claim_name == claim:
        return "cache.claimName"
    return _volume_field(pod, "persistentVolumeClaim", "claimName", claim)


def pull_secret_field(model: InferenceModel, secret: str) -> str:
    """The field that names a Secret with a registry's credentials."""
    if any(each.name == secret for each in model.spec.image_pull_secrets):
        return "imagePullSecrets"
    return "imagePullSecrets of the pods' ServiceAccount"


def claims_of(pod: Manifest) -> tuple[str, ...]:
    """The names of the PersistentVolumeClaims that the pod mounts."""
    volumes = (pod.get("spec") or {}).get("volumes") or ()
    claims = (volume.get("persistentVolumeClaim") for volume in volumes)
    return tuple(str(claim["claimName"]) for claim in claims if claim)


def _volume_field(pod: Manifest, source: str, key: str, name: str) -> str:
    for volume in (pod.get("spec") or {}).get("volumes") or ():
        if (volume.get(source) or {}).get(key) == name:
            holder = "the operator" if volume["name"] in OPERATOR_VOLUMES else "volumes"
            return f"{holder} ({volume['name']})"
    return "the pod"
