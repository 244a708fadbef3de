"""InferenceModel v1alpha1: the only definition of the resource; the CRD is generated from it."""

from enum import StrEnum
from typing import Annotated, Final

from pydantic import Field

from sirocco_operator.api.base import ApiModel
from sirocco_operator.api.engine import Engine
from sirocco_operator.api.pod import PodFields

GROUP: Final = "inference.sirocco.dev"
VERSION: Final = "v1alpha1"
API_VERSION: Final = f"{GROUP}/{VERSION}"
KIND: Final = "InferenceModel"
PLURAL: Final = "inferencemodels"
SINGULAR: Final = "inferencemodel"
SHORT_NAMES: Final = ("imodel",)
CATEGORIES: Final = ("all",)

# A Deployment's name plus the 11 characters that its pods add stays within a DNS label's 63.
MAX_NAME_LENGTH: Final = 52

ServedName = Annotated[str, Field(min_length=1, max_length=256, pattern=r"^[A-Za-z0-9][A-Za-z0-9._:/@+-]*$")]


class Device(StrEnum):
    """What the engine computes on."""

    GPU = "gpu"
    CPU = "cpu"


class RolloutStrategy(StrEnum):
    """Surge starts a new pod before an old one ends; InPlace frees the old pod's GPUs first."""

    SURGE = "Surge"
    IN_PLACE = "InPlace"


class Model(ApiModel):
    """Where the weights come from."""

    uri: str = Field(
        min_length=1,
        max_length=1024,
        description="hf://org/name (Hugging Face hub), pvc://claim/path, or oci://image (image volume).",
    )
    revision: str | None = Field(
        default=None,
        min_length=1,
        max_length=128,
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$",
        description="Commit, tag or branch of a hf:// model; pin a commit in production. Default: main.",
    )
    secret_name: str | None = Field(
        default=None,
        min_length=1,
        max_length=253,
        description="Secret whose keys become environment where weights are fetched, "
        "e.g. HF_TOKEN for gated weights.",
    )


class Cache(ApiModel):
    """Where downloaded weights are kept."""

    claim_name: str = Field(
        min_length=1,
        max_length=253,
        description="PersistentVolumeClaim that replicas share for hf:// weights.",
    )


class Rollout(ApiModel):
    """How a change reaches running pods."""

    strategy: RolloutStrategy = Field(
        default=RolloutStrategy.SURGE,
        description="Surge needs free GPUs for one more pod; InPlace needs none, "
        "and has one replica fewer meanwhile.",
    )


class Monitoring(ApiModel):
    """Prometheus scraping of the model's pods."""

    enabled: bool = Field(default=True, description="Make a ServiceMonitor where the cluster has that API.")


class InferenceModelSpec(PodFields):
    """What to serve and how."""

    model: Model = Field(description="Where the weights come from.")
    served_names: tuple[ServedName, ...] = Field(
        default=(), max_length=16, description="Names that clients may use. Default: the resource's name."
    )
    tensor_parallel: int = Field(
        default=1, ge=1, le=64, description="GPUs in each pod (--tensor-parallel-size)."
    )
    device: Device = Field(default=Device.GPU, description="gpu or cpu.")
    gpu_resource: str = Field(
        default="nvidia.com/gpu",
        min_length=1,
        max_length=253,
        pattern=r"^[a-z0-9]([a-z0-9.-]*[a-z0-9])?/[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$",
        description="Extended resource that a GPU is asked for by.",
    )
    engine: Engine = Field(default=Engine(), description="Settings of vLLM.")
    replicas: int = Field(default=1, ge=0, le=1000, description="Pods that serve; 0 stops the model.")
    cache: Cache | None = Field(
        default=None, description="Where downloaded weights are kept. Default: in the pod."
    )
    rollout: Rollout = Field(default=Rollout(), description="How a change reaches running pods.")
    monitoring: Monitoring = Field(
        default=Monitoring(), description="Prometheus scraping of the model's pods."
    )


class ObjectMeta(ApiModel):
    """The part of a resource's metadata that the operator reads."""

    name: str
    namespace: str
    uid: str = ""
    generation: int = 0


class InferenceModel(ApiModel):
    """One validated resource."""

    metadata: ObjectMeta
    spec: InferenceModelSpec
