"""Builds all children of a model."""

from collections.abc import Collection, Iterator
from itertools import islice
from typing import Any

from sirocco_operator.api.v1alpha1 import InferenceModel
from sirocco_operator.children.config_map import build_config_map
from sirocco_operator.children.controller_revision import build_controller_revision
from sirocco_operator.children.deployment import build_deployment
from sirocco_operator.children.horizontal_pod_autoscaler import build_horizontal_pod_autoscaler
from sirocco_operator.children.pod_disruption_budget import build_pod_disruption_budget
from sirocco_operator.children.revision import Rollout, build_revision
from sirocco_operator.children.scaled_object import build_scaled_object
from sirocco_operator.children.service import build_service
from sirocco_operator.children.service_account import build_service_account, service_account_name
from sirocco_operator.children.service_monitor import build_service_monitor
from sirocco_operator.kube.kinds import Kind
from sirocco_operator.settings import Settings


def build_children(
    model: InferenceModel, settings: Settings, available: Collection[Kind], rollout: Rollout | None = None
) -> tuple[dict[str, Any], ...]:
    """The wanted manifests in the order to write them, with only the fields that the operator owns.

    `available` holds the kinds that the cluster serves; only optional kinds depend on it. Without a
    `rollout`, pods are as this spec asks, and no revision is remembered.
    """
    rollout = rollout or Rollout(build_revision(model, settings))
    children = (
        *_of_revisions(model, rollout),
        build_service_account(model) if _needs_own_account(model, rollout) else None,
        build_service(model),
        build_deployment(model, rollout.current.template, in_place=rollout.in_place),
        build_pod_disruption_budget(model),
        build_horizontal_pod_autoscaler(model, settings),
        build_scaled_object(model, settings, available),
        build_service_monitor(model, settings, available),
    )
    return tuple(child for child in children if child is not None)


def _needs_own_account(model: InferenceModel, rollout: Rollout) -> bool:
    """Whether pods run as the ServiceAccount of the model's own.

    Where the user names another now, those that served before may have to be made again until pods of a
    later revision have served: by an eviction, or by a rollback.
    """
    served = (each for each in rollout.remembered if each.served)
    templates = (each.template for each in (rollout.current, *islice(served, 1)))
    names = {service_account_name(model)}
    names.update(each["spec"].get("serviceAccountName") for each in templates)
    return model.metadata.name in names


def _of_revisions(model: InferenceModel, rollout: Rollout) -> Iterator[dict[str, Any]]:
    """The settings that any revision's pods mount, and the memory of the revisions."""
    revisions = rollout.remembered or (rollout.current,)
    # Several revisions may have the same settings.
    for settings in {revision.settings.name: revision.settings for revision in revisions}.values():
        yield build_config_map(model, settings)
    for revision in rollout.remembered:
        yield build_controller_revision(model, revision)
