"""Where downloaded weights are kept."""

from pydantic import ConfigDict, Field

from sirocco_operator.api.base import ApiModel
from sirocco_operator.api.crd.rules import Rule, with_rules
from sirocco_operator.api.pod import DNS_SUBDOMAIN, Quantity


class Cache(ApiModel):
    """Where downloaded weights are kept."""

    model_config = ConfigDict(
        json_schema_extra=with_rules(
            Rule(
                "has(self.claimName) != has(self.sizeLimit)",
                "cache has claimName, for a claim that has its own size, or sizeLimit, for a volume in each "
                "pod: set one of them",
            ),
            Rule(
                "!has(self.sizeLimit) || "
                "string(self.sizeLimit).matches('^[0-9.]*[1-9][0-9.]*([KMGTPE]i|[kMGTPE])$')",
                "cache.sizeLimit is what the weights may take, with its unit: write e.g. 200Gi",
                field="sizeLimit",
            ),
        )
    )

    claim_name: str | None = Field(
        default=None,
        min_length=1,
        max_length=253,
        pattern=DNS_SUBDOMAIN,
        description="PersistentVolumeClaim that replicas share for hf:// weights.",
    )
    size_limit: Quantity | None = Field(
        default=None,
        description="How much hf:// weights may take of the node's disk in each pod, e.g. 200Gi. "
        "Default: 100Gi.",
    )
