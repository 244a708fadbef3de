"""What Kubernetes checks in a pod beyond its published types, so that a model is refused before its pods are.

https://github.com/kubernetes/kubernetes/blob/v1.35.0/pkg/apis/core/validation/validation.go
The lists below which a rule is evaluated are bounded: the API server estimates a rule's cost by them.
"""

from collections.abc import Mapping
from copy import deepcopy
from typing import Any, Final

from sirocco_operator.api.crd.rules import Rule

Schema = dict[str, Any]

QUALIFIED_NAME: Final = (
    "^([a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?/)?[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?$"
)
LABEL_VALUE: Final = "^([A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?)?$"
# Paths none of whose parts is `..`: relative or empty; relative and not starting with `..`; any.
_PART: Final = "([^/.][^/]*|[.]([^/.][^/]*)?|[.][.][^/]+)"
DESCENDING_PATH: Final = f"^({_PART}(/{_PART}?)*)?$"
_LOCAL_PATH: Final = f"^([^/.][^/]*|[.]([^/.][^/]*)?)(/{_PART}?)*$"
_ANY_PATH: Final = f"^/?{_PART}?(/{_PART}?)*$"
# Kubernetes' quantity without a sign.
QUANTITY_PATTERN: Final = r"^([0-9]+(\.[0-9]*)?|\.[0-9]+)([KMGTPE]i|[numkMGTPE]|[eE][+-]?[0-9]{1,2})?$"
QUANTITY: Final[Schema] = {
    "anyOf": [{"type": "integer"}, {"type": "string"}],
    "maxLength": 32,
    "pattern": QUANTITY_PATTERN,
    "minimum": 0,
    "x-kubernetes-int-or-string": True,
}

_GIVEN: Final[Schema] = {"minLength": 1}
_KEY: Final[Schema] = {"minLength": 1, "maxLength": 317, "pattern": QUALIFIED_NAME}
_KEYS: Final[Schema] = {"maxItems": 64, "items": _KEY}
_LABEL_VALUES: Final[Schema] = {"items": {"maxLength": 63, "pattern": LABEL_VALUE}}
_WEIGHT: Final[Schema] = {"minimum": 1, "maximum": 100}
_MODE: Final[Schema] = {"minimum": 0, "maximum": 0o777}
_LOCAL: Final[Schema] = {"minLength": 1, "maxLength": 4096, "pattern": _LOCAL_PATH}
_TERMS: Final[Schema] = {"maxItems": 64}
_FILES: Final[Schema] = {"maxItems": 256}

_VALUES_FIT_OPERATOR: Final = Rule(
    "(self.operator in ['In', 'NotIn']) == (has(self.values) && self.values.size() > 0)",
    "values belong to the operators In and NotIn, which need one or more: add values, remove them, or use "
    "another operator",
    field="values",
)
_NODE_VALUES_FIT_OPERATOR: Final = Rule(
    "self.operator in ['In', 'NotIn'] ? has(self.values) && self.values.size() > 0 : "
    "(self.operator in ['Gt', 'Lt'] ? has(self.values) && self.values.size() == 1 : "
    "!has(self.values) || self.values.size() == 0)",
    "In and NotIn need one or more values, Gt and Lt one, Exists and DoesNotExist none: change values or the "
    "operator",
    field="values",
)
_KEYS_NEED_SELECTOR: Final = Rule(
    "has(self.labelSelector) || !has(self.matchLabelKeys) || self.matchLabelKeys.size() == 0",
    "matchLabelKeys narrows labelSelector: add a labelSelector, or remove matchLabelKeys",
    field="matchLabelKeys",
)


def _fields(**fields: Schema) -> Schema:
    return {"properties": fields}


def _named(field: str) -> Schema:
    return {"required": [field], **_fields(**{field: _GIVEN, "items": _FILES})}


def _rules(*rules: Rule) -> Schema:
    return {"x-kubernetes-validations": [rule.as_validation() for rule in rules]}


# By type: schema keys that come over the published ones.
REFINEMENTS: Final[Mapping[str, Schema]] = {
    "NodeAffinity": _fields(preferredDuringSchedulingIgnoredDuringExecution=_TERMS),
    "NodeSelector": _fields(nodeSelectorTerms={"minItems": 1, "maxItems": 64}),
    "NodeSelectorTerm": {
        **_fields(matchExpressions=_TERMS, matchFields={"maxItems": 16}),
        **_rules(
            Rule(
                "!has(self.matchFields) || self.matchFields.all(f, f.key == 'metadata.name' && "
                "f.operator in ['In', 'NotIn'] && has(f.values) && f.values.size() == 1)",
                "matchFields compares the key metadata.name, by In or NotIn, with one value: write it so, "
                "or use matchExpressions, which compares labels",
                field="matchFields",
            )
        ),
    },
    "NodeSelectorRequirement": {
        **_fields(
            key=_KEY,
            operator={"enum": ["In", "NotIn", "Exists", "DoesNotExist", "Gt", "Lt"]},
            # A node's name, in matchFields, may be longer than a label's value.
            values={"items": {"maxLength": 253, "pattern": LABEL_VALUE}},
        ),
        **_rules(_NODE_VALUES_FIT_OPERATOR),
    },
    "PreferredSchedulingTerm": _fields(weight=_WEIGHT),
    "PodAffinity": _fields(
        preferredDuringSchedulingIgnoredDuringExecution=_TERMS,
        requiredDuringSchedulingIgnoredDuringExecution=_TERMS,
    ),
    "PodAntiAffinity": _fields(
        preferredDuringSchedulingIgnoredDuringExecution=_TERMS,
        requiredDuringSchedulingIgnoredDuringExecution=_TERMS,
    ),
    "WeightedPodAffinityTerm": _fields(weight=_WEIGHT),
    "PodAffinityTerm": {
        **_fields(
            topologyKey=_KEY,
            namespaces={"items": {"maxLength": 63, "pattern": "^[a-z0-9]([a-z0-9-]*[a-z0-9])?$"}},
            matchLabelKeys=_KEYS,
            mismatchLabelKeys=_KEYS,
        ),
        **_rules(
            _KEYS_NEED_SELECTOR,
            Rule(
                "has(self.labelSelector) || !has(self.mismatchLabelKeys) || "
                "self.mismatchLabelKeys.size() == 0",
                "mismatchLabelKeys narrows labelSelector: add a labelSelector, or remove mismatchLabelKeys",
                field="mismatchLabelKeys",
            ),
        ),
    },
    "LabelSelector": _fields(
        matchExpressions=_TERMS,
        matchLabels={"additionalProperties": {"maxLength": 63, "pattern": LABEL_VALUE}},
    ),
    "LabelSelectorRequirement": {
        **_fields(
            key=_KEY, operator={"enum": ["In", "NotIn", "Exists", "DoesNotExist"]}, values=_LABEL_VALUES
        ),
        **_rules(_VALUES_FIT_OPERATOR),
    },
    "TopologySpreadConstraint": {
        **_fields(
            maxSkew={"minimum": 1},
            minDomains={"minimum": 1},
            topologyKey={"minLength": 1, "maxLength": 317},
            whenUnsatisfiable={"enum": ["DoNotSchedule", "ScheduleAnyway"]},
            nodeAffinityPolicy={"enum": ["Honor", "Ignore"]},
            nodeTaintsPolicy={"enum": ["Honor", "Ignore"]},
            matchLabelKeys=_KEYS,
        ),
        **_rules(
            _KEYS_NEED_SELECTOR,
            Rule(
                "!has(self.minDomains) || self.whenUnsatisfiable == 'DoNotSchedule'",
                "minDomains works with whenUnsatisfiable: DoNotSchedule only: set that, or remove minDomains",
                field="minDomains",
            ),
        ),
    },
    "ConfigMapProjection": _named("name"),
    "ConfigMapVolumeSource": {**_named("name"), **_fields(name=_GIVEN, items=_FILES, defaultMode=_MODE)},
    "CSIVolumeSource": _fields(driver=_GIVEN),
    "DownwardAPIProjection": _fields(items=_TERMS),
    "DownwardAPIVolumeSource": _fields(items=_TERMS, defaultMode=_MODE),
    "DownwardAPIVolumeFile": {
        **_fields(path=_LOCAL, mode=_MODE),
        **_rules(
            Rule(
                "has(self.fieldRef) != has(self.resourceFieldRef)",
                "a file of downwardAPI holds either fieldRef or resourceFieldRef: keep one",
            )
        ),
    },
    "EmptyDirVolumeSource": _fields(medium={"pattern": "^(Memory|HugePages(-.+)?)?$"}),
    "EphemeralVolumeSource": {"required": ["volumeClaimTemplate"]},
    "HostPathVolumeSource": _fields(
        path={"minLength": 1, "pattern": _ANY_PATH},
        type={
            "enum": [
                "",
                "DirectoryOrCreate",
                "Directory",
                "FileOrCreate",
                "File",
                "Socket",
                "CharDevice",
                "BlockDevice",
            ]
        },
    ),
    "ImageVolumeSource": {
        "required": ["reference"],
        **_fields(reference=_GIVEN, pullPolicy={"enum": ["Always", "IfNotPresent", "Never"]}),
    },
    "KeyToPath": _fields(key=_GIVEN, path=_LOCAL, mode=_MODE),
    "NFSVolumeSource": _fields(server=_GIVEN, path={"pattern": "^/"}),
    "ObjectFieldSelector": _fields(
        apiVersion={"enum": ["v1"]},
        fieldPath={"pattern": r"^metadata\.(name|namespace|uid|(labels|annotations)(\['[^']+'\])?)$"},
    ),
    "PersistentVolumeClaimSpec": {
        "required": ["accessModes", "resources"],
        **_fields(
            accessModes={
                "minItems": 1,
                "items": {"enum": ["ReadWriteOnce", "ReadOnlyMany", "ReadWriteMany", "ReadWriteOncePod"]},
            },
            resources={"required": ["requests"], **_fields(requests={"required": ["storage"]})},
            volumeMode={"enum": ["Filesystem", "Block"]},
        ),
    },
    "PersistentVolumeClaimVolumeSource": _fields(claimName=_GIVEN),
    "ProjectedVolumeSource": _fields(sources=_TERMS, defaultMode=_MODE),
    "ResourceFieldSelector": {
        # A volume belongs to no container, so it says whose resources it shows.
        "required": ["resource", "containerName"],
        **_fields(
            containerName=_GIVEN,
            resource={"pattern": r"^(limits|requests)\.(cpu|memory|ephemeral-storage|hugepages-.+)$"},
        ),
    },
    "SecretProjection": _named("name"),
    "SecretVolumeSource": {
        **_named("secretName"),
        **_fields(secretName=_GIVEN, items=_FILES, defaultMode=_MODE),
    },
    "ServiceAccountTokenProjection": _fields(
        path=_LOCAL,
        # Ten minutes to 2^32 seconds.
        expirationSeconds={"minimum": 600, "maximum": 4_294_967_296},
    ),
}


def refine(schema: Schema, over: Mapping[str, Any]) -> Schema:
    """The schema with the keys of `over`, merged where both have an object; rules come together."""
    merged = dict(schema)
    for key, value in over.items():
        mine = merged.get(key)
        if isinstance(mine, Mapping) and isinstance(value, Mapping):
            merged[key] = refine(dict(mine), value)
        elif key == "x-kubernetes-validations" and isinstance(mine, list):
            merged[key] = [*mine, *value]
        else:
            merged[key] = deepcopy(value)
    return merged


def one_source(name: str, schema: Schema) -> Schema:
    """The schema of a volume or projection with the rule that it has one source; others unchanged."""
    bound = {"Volume": "<= 1", "VolumeProjection": "== 1"}.get(name)
    if bound is None:
        return schema
    sources = [field for field in schema["properties"] if field != "name"]
    count = " + ".join(f"(has(self.{source}) ? 1 : 0)" for source in sources)
    what = "a volume" if name == "Volume" else "a source of a projected volume"
    rule = Rule(
        f"{count} {bound}",
        f"{what} has one kind of source, e.g. configMap: keep one, and make another entry of each other",
    )
    return refine(schema, _rules(rule))
