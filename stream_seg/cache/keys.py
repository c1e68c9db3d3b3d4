"""Names of the Redis keys under one prefix."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Keys:
    """The key names of one deployment.

    The first three are public (see `docs/reference/redis.md`). The others are internal.
    """

    prefix: str

    def customer(self, customer_id: str) -> str:
        """Return the hash of a customer's current segments."""
        return f"{self.prefix}:customer:{customer_id}"

    @property
    def model(self) -> str:
        """String: the active model snapshot of behavior as JSON."""
        return f"{self.prefix}:model"

    def model_of(self, dimension: str) -> str:
        """Return the string with the active model snapshot of a dimension as JSON."""
        return f"{self.prefix}:model:{dimension}"

    def stats(self, partition: int) -> str:
        """Return the hash of segment sizes: `{dimension}:{segment}` -> customers of the partition now in it."""
        return f"{self.prefix}:stats:{partition}"

    def mark(self, partition: int) -> str:
        """Return the hash `{epoch, group}` of the last group of the partition that was written completely."""
        return f"{self.prefix}:group:{partition}"

    @property
    def partitions(self) -> str:
        """Set: the partitions that have sizes, so that readers need not know the number of partitions."""
        return f"{self.prefix}:partitions"

    @property
    def owner(self) -> str:
        """String: the application that writes under the prefix."""
        return f"{self.prefix}:owner"
