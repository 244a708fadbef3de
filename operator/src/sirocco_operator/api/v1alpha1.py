"""InferenceModel v1alpha1: the only definition of the resource, from which the CRD is generated."""

from enum import StrEnum
from typing import Annotated, Final

from pydantic import ConfigDict, Field

from sirocco_operator.api import model_source
from sirocco_operator.api.access import Access
from sirocco_operator.api.autoscaling import Autoscaling
from sirocco_operator.api.base import ApiModel
from sirocco_operator.api.cache import Cache
from sirocco_operator.api.crd.rules import UNIQUE, Rule, with_rules
from sirocco_operator.api.engine import Engine
from sirocco_operator.api.lifecycle import Drain, PodDisruptionBudget, Startup
from sirocco_operator.api.limits import Limits
from sirocco_operator.api.pod import DNS_SUBDOMAIN, PodFields
from sirocco_operator.api.service import Service
from sirocco_operator.api.tracing import Tracing

GROUP: Final = "inference.sirocco.dev"
VERSION: Final = "v1alpha1"
API_VERSION: Final = f"{GROUP}/{VERSION}"
KIND: Final = "InferenceModel"
PLURAL: Final = "inferencemodels"
SINGULAR: Final = "inferencemodel"
# Any value that it has not had before makes the operator try a revision again that failed.
RETRY_ANNOTATION: Final = f"{GROUP}/retry"
SHORT_NAMES: Final = ("imodel",)
CATEGORIES: Final = ("all",)

# The default extended resource of a GPU.
NVIDIA_GPU: Final = "nvidia.com/gpu"

# The names of a Deployment's pods have 11 more characters, and a DNS label holds 63.
MAX_NAME_LENGTH: Final = 52

NAME_RULES: Final = (
    Rule(
        "!self.metadata.name.contains('.')",
        "metadata.name becomes a Service's name, which holds no dots: write dashes instead",
        message_expression=(
            "\"metadata.name becomes a Service's name, which holds no dots: write '\" "
            "+ self.metadata.name.replace('.', '-') + \"', and put '\" + self.metadata.name "
            '+ "\' into spec.servedNames if clients ask for it"'
        ),
        field="metadata.name",
    ),
    Rule(
        "!self.metadata.name.matches('^[0-9]')",
        "metadata.name becomes a Service's name, which starts with a letter: put one in front",
        message_expression=(
            "\"metadata.name becomes a Service's name, which starts with a letter: write e.g. 'm-\" "
            "+ self.metadata.name.replace('.', '-') + \"', and put '\" + self.metadata.name "
            '+ "\' into spec.servedNames if clients ask for it"'
        ),
        field="metadata.name",
    ),
    Rule(
        f"self.metadata.name.size() <= {MAX_NAME_LENGTH}",
        f"metadata.name has more than {MAX_NAME_LENGTH} characters, too many for the names of its pods: "
        "choose a shorter one, and put the long one into spec.servedNames if clients ask for it",
        field="metadata.name",
    ),
)

ServedName = Annotated[str, Field(min_length=1, max_length=256, pattern=r"^[A-Za-z0-9][A-Za-z0-9._:/@+-]*$")]


class Device(StrEnum):
    """The device that the engine uses."""

    GPU = "gpu"
    CPU = "cpu"


class RolloutStrategy(StrEnum):
    """Surge starts a new pod before an old one ends; InPlace frees the old pod's GPUs first."""

    SURGE = "Surge"
    IN_PLACE = "InPlace"


class Model(ApiModel):
    """Where the weights come from."""

    model_config = ConfigDict(
        json_schema_extra=with_rules(
            Rule(
                " || ".join(
                    f"self.uri.startsWith('{scheme}')"
                    for scheme in (
                        model_source.HUB_SCHEME,
                        model_source.CLAIM_SCHEME,
                        model_source.IMAGE_SCHEME,
                    )
                ),
                model_source.SCHEME_MESSAGE,
                field="uri",
            ),
            *(
                Rule(
                    f"!self.uri.startsWith('{scheme}') || self.uri.matches('{pattern}')", message, field="uri"
                )
                for scheme, pattern, message in (
                    (model_source.HUB_SCHEME, model_source.HUB_PATTERN, model_source.HUB_MESSAGE),
                    (model_source.CLAIM_SCHEME, model_source.CLAIM_PATTERN, model_source.CLAIM_MESSAGE),
                    (model_source.IMAGE_SCHEME, model_source.IMAGE_PATTERN, model_source.IMAGE_MESSAGE),
                )
            ),
            Rule(
                "!has(self.revision) || self.uri.startsWith('hf://')",
                model_source.REVISION_MESSAGE,
                field="revision",
            ),
            Rule(
                "!has(self.secretName) || self.uri.startsWith('hf://')",
                "model.secretName is for hf:// only, whose weights are fetched over the network: remove it; "
                "the credentials for an image of oci:// go into imagePullSecrets",
                field="secretName",
            ),
        )
    )

    uri: str = Field(
        min_length=1,
        max_length=1024,
        description="hf://org/name (Hugging Face hub), pvc://claim/path, or oci://image (image volume).",
    )
    revision: str | None = Field(
        default=None,
        min_length=1,
        max_length=128,
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*(/[A-Za-z0-9][A-Za-z0-9._-]*)*$",
        description="Commit, tag, branch or refs/pr/N of a hf:// model. Default: main. "
        "Pin a commit in production.",
    )
    secret_name: str | None = Field(
        default=None,
        min_length=1,
        max_length=253,
        pattern=DNS_SUBDOMAIN,
        description="Secret whose keys become environment where weights are fetched, "
        "e.g. HF_TOKEN for gated weights.",
    )


class OnFailure(StrEnum):
    """RollBack restores the pods that served before; Hold leaves the new ones to be looked at."""

    ROLL_BACK = "RollBack"
    HOLD = "Hold"


class Rollout(ApiModel):
    """How a change reaches running pods."""

    strategy: RolloutStrategy | None = Field(
        default=None,
        description="Surge needs free GPUs for one more pod; InPlace needs none, "
        "and has one replica fewer meanwhile. Default: Surge; with two replicas or more, a rollout whose new "
        "pod finds no free GPU for a minute goes on in place.",
    )
    on_failure: OnFailure = Field(
        default=OnFailure.ROLL_BACK,
        description="After three failed starts of the engine, or one that used up its time: RollBack "
        "restores the pods that served before; Hold keeps the new ones beside old ones that still serve.",
    )


class Monitoring(ApiModel):
    """Prometheus scraping of the model's pods."""

    enabled: bool = Field(default=True, description="Make a ServiceMonitor where the cluster has that API.")


class InferenceModelSpec(PodFields):
    """What to serve and how."""

    model_config = ConfigDict(
        json_schema_extra=with_rules(
            Rule(
                "self.device != 'cpu' || self.tensorParallel == 1",
                "tensorParallel counts the GPUs of a pod, and device cpu has none: remove tensorParallel, "
                "or set device: gpu",
                field="tensorParallel",
            ),
            Rule(
                f"self.device != 'cpu' || self.gpuResource == '{NVIDIA_GPU}'",
                "gpuResource names a kind of GPU, and device cpu asks for none: remove gpuResource, or set "
                "device: gpu",
                field="gpuResource",
            ),
            Rule(
                "self.device != 'cpu' || !has(self.engine) || !has(self.engine.gpuMemoryUtilization)",
                "engine.gpuMemoryUtilization is a share of a GPU's memory, and device cpu has none: "
                "remove it; the size of the KV cache on a CPU is VLLM_CPU_KVCACHE_SPACE (GiB) in engine.env",
                field="engine.gpuMemoryUtilization",
            ),
            Rule(
                "!has(self.autoscaling) || self.replicas == 1",
                "autoscaling owns the replica count: remove replicas, or remove autoscaling",
                field="replicas",
            ),
            Rule(
                "!has(self.cache) || self.model.uri.startsWith('hf://')",
                "cache keeps weights that are downloaded, and only those of hf:// are: remove cache",
                field="cache",
            ),
            Rule(
                "!has(self.resources) || ("
                "(!has(self.resources.requests) || !(self.gpuResource in self.resources.requests)) && "
                "(!has(self.resources.limits) || !(self.gpuResource in self.resources.limits)))",
                "resources may not ask for GPUs: set tensorParallel to the number of GPUs in each pod",
                field="resources",
            ),
            *(
                Rule(
                    f"!has(self.limits) || !has(self.limits.{limit}) || !has(self.engine) || "
                    f"!has(self.engine.maxModelLen) || self.limits.{limit} < self.engine.maxModelLen",
                    f"limits.{limit} must be below engine.maxModelLen, which holds a prompt and its answer: "
                    "lower it, or raise engine.maxModelLen",
                    field=f"limits.{limit}",
                )
                for limit in ("promptTokens", "newTokens")
            ),
            Rule(
                "!has(self.volumeMounts) || self.volumeMounts.all(m, "
                "has(self.volumes) && self.volumes.exists(v, v.name == m.name))",
                "volumeMounts names a volume that volumes does not have: add it to volumes, "
                "or correct the name",
                field="volumeMounts",
            ),
        )
    )

    model: Model = Field(description="Where the weights come from.")
    served_names: tuple[ServedName, ...] = Field(
        default=(),
        max_length=16,
        description="Names that clients may use. Default: the resource's name.",
        json_schema_extra=UNIQUE,
    )
    tensor_parallel: int = Field(
        default=1, ge=1, le=64, description="GPUs in each pod (--tensor-parallel-size)."
    )
    device: Device = Field(default=Device.GPU, description="gpu or cpu.")
    gpu_resource: str = Field(
        default=NVIDIA_GPU,
        min_length=1,
        max_length=253,
        pattern=f"{DNS_SUBDOMAIN.removesuffix('$')}/[A-Za-z0-9]([A-Za-z0-9._-]{{0,61}}[A-Za-z0-9])?$",
        description="Extended resource that a GPU is asked for by.",
    )
    engine: Engine = Field(default=Engine(), description="Settings of vLLM.")
    replicas: int = Field(default=1, ge=0, le=1000, description="Pods that serve; 0 stops the model.")
    autoscaling: Autoscaling | None = Field(
        default=None, description="Replicas by load, in place of replicas. Default: a fixed count."
    )
    access: Access = Field(default=Access(), description="Who may use the model, and what for.")
    limits: Limits = Field(
        default=Limits(), description="What requests may ask for; each limit holds for one pod."
    )
    cache: Cache | None = Field(
        default=None, description="Where downloaded weights are kept. Default: in the pod."
    )
    startup: Startup = Field(default=Startup(), description="The start of a pod's engine.")
    drain: Drain = Field(default=Drain(), description="The end of a pod: what it serves is finished first.")
    pod_disruption_budget: PodDisruptionBudget = Field(
        default=PodDisruptionBudget(), description="Protection from evictions, e.g. when nodes are drained."
    )
    service: Service = Field(default=Service(), description="The Service that clients call.")
    rollout: Rollout = Field(default=Rollout(), description="How a change reaches running pods.")
    monitoring: Monitoring = Field(
        default=Monitoring(), description="Prometheus scraping of the model's pods."
    )
    tracing: Tracing | None = Field(
        default=None, description="Send a span of each request to an OTLP collector. Default: off."
    )


class ObjectMeta(ApiModel):
    """The part of a resource's metadata that the operator reads."""

    name: str
    namespace: str
    uid: str = ""
    generation: int = 0
    annotations: dict[str, str] = Field(default_factory=dict)

    @property
    def retry(self) -> str:
        """The mark of the newest try: with another one, what failed before is tried again."""
        return self.annotations.get(RETRY_ANNOTATION, "")


class InferenceModel(ApiModel):
    """A validated resource."""

    model_config = ConfigDict(json_schema_extra=with_rules(*NAME_RULES))

    metadata: ObjectMeta
    spec: InferenceModelSpec
