"""The part of a pod's security context that a model may set without leaving `restricted`."""

from typing import Annotated, Literal

from pydantic import Field

from sirocco_operator.api.base import ApiModel

# The range of Linux ids that Kubernetes accepts.
Id = Annotated[int, Field(ge=0, le=2_147_483_647)]


class SELinuxOptions(ApiModel):
    """SELinux labels that Pod Security allows; user and role are not among them."""

    level: str | None = Field(default=None, max_length=256, description="SELinux level, e.g. s0:c1,c2.")
    type: Literal["container_t", "container_init_t", "container_kvm_t", "container_engine_t"] | None = Field(
        default=None, description="SELinux type."
    )


class PodSecurityContext(ApiModel):
    """Users and groups of the pod's processes and volumes."""

    run_as_user: int | None = Field(
        default=None, ge=1, le=2_147_483_647, description="User id of the processes; 0, root, is refused."
    )
    run_as_group: Id | None = Field(default=None, description="Group id of the processes.")
    fs_group: Id | None = Field(default=None, description="Group id that owns the volumes.")
    fs_group_change_policy: Literal["OnRootMismatch", "Always"] | None = Field(
        default=None, description="When a volume's files are given to fsGroup."
    )
    supplemental_groups: tuple[Id, ...] = Field(
        default=(), max_length=32, description="More group ids of the processes."
    )
    se_linux_options: SELinuxOptions | None = Field(default=None, description="SELinux labels.")
