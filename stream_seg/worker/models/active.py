"""The active model of a worker, which the feed brings or a setting pins."""

from __future__ import annotations

from stream_seg.contracts.model import ModelSnapshot
from stream_seg.contracts.times import parse_rfc3339
from stream_seg.core.dimensions.behavior import Behavior
from stream_seg.kafka.append import PublishSnapshot
from stream_seg.ops.metrics import Metrics
from stream_seg.worker.checkpoint.cache_sync import CacheSync
from stream_seg.worker.crash_points import reach

from .feed import ModelFeed


class Models:
    """Activates the models of the feed. A `pinned` model stays active instead, and is published once."""

    def __init__(
        self,
        behavior: Behavior,
        cache_sync: CacheSync,
        metrics: Metrics,
        pinned: ModelSnapshot | None,
        publish: PublishSnapshot,
    ) -> None:
        self._behavior = behavior
        self._cache_sync = cache_sync
        self._metrics = metrics
        self._pinned = pinned
        self._publish = publish
        self.made_s: float | None = None  # when the active model was created, epoch seconds

    @property
    def learned(self) -> bool:
        """Whether models are learned, because none is pinned."""
        return self._pinned is None

    async def catch_up(self, feed: ModelFeed) -> None:
        """Read all published snapshots. Called before the first customer is evaluated."""
        await feed.catch_up()
        snapshot = self._pinned
        if snapshot is None:
            return
        if self._behavior.model is None:
            self._use(snapshot)
        if snapshot.version not in feed.versions:
            reach("publishing")
            await self._publish(snapshot)
            reach("published")

    def take(self, snapshot: ModelSnapshot, active: bool) -> bool:
        """Activate a snapshot of the feed if it is `active`, else only remember its segment names.

        Return whether it was activated. A pinned model is never replaced. Snapshots of other dimensions are ignored.
        """
        if snapshot.dimension != self._behavior.key:
            return False
        if active and self.learned:
            self._use(snapshot)
            return True
        model = snapshot.to_model()
        self._behavior.names.learn(model.version, model.names, model.user_named)
        return False

    def _use(self, snapshot: ModelSnapshot) -> None:
        self._behavior.use(snapshot.to_model())
        self._cache_sync.show_model(snapshot.version, snapshot.dumps())
        self._metrics.model_version.set(snapshot.version)
        self._metrics.model_pinned.set(snapshot.pinned or not self.learned)
        self.made_s = parse_rfc3339(snapshot.created_at)
