"""Names of the Redis keys under one prefix."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Keys:
    """Key names of one deployment. The first three are public, see `docs/reference/redis.md`; the others are ours."""

    prefix: str

    def customer(self, customer_id: str) -> str:
        """Hash: a customer's current segments."""
        return f"{self.prefix}:customer:{customer_id}"

    @property
    def model(self) -> str:
        """String: the model snapshot in force, JSON."""
        return f"{self.prefix}:model"

    def stats(self, partition: int) -> str:
        """Hash: `{dimension}:{segment}` -> customers of the partition now in it."""
        return f"{self.prefix}:stats:{partition}"

    def mark(self, partition: int) -> str:
        """Hash `{epoch, group}`: the last group of the partition that is in Redis as a whole."""
        return f"{self.prefix}:group:{partition}"

    @property
    def partitions(self) -> str:
        """Set: the partitions that have stats, so that readers need not know how many there are."""
        return f"{self.prefix}:partitions"

    @property
    def owner(self) -> str:
        """String: the application that writes under the prefix."""
        return f"{self.prefix}:owner"
