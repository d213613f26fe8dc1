"""All of reelhaul on loopback: the local AWS, the deployed coordinator, its events and its schedule."""

from infra.local.stack.local_aws import AlreadyRunning, LocalAws, PortTaken
from infra.local.stack.world import CoordinatorBroken, World

__all__ = ["AlreadyRunning", "CoordinatorBroken", "LocalAws", "PortTaken", "World"]
