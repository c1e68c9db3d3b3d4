"""The learner of the behavior model: samples of customers in, snapshots out."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite
from typing import Self

import numpy as np

from stream_seg.contracts.model import ModelSnapshot, SegmentProfile
from stream_seg.core.activity_mix import Mix
from stream_seg.core.dimensions.segment_model import segment_id
from stream_seg.core.feature_names import FEATURES
from stream_seg.learning.naming.segments import describe
from stream_seg.learning.publishing.moves import flow_matrix
from stream_seg.learning.publishing.progress import Progress
from stream_seg.learning.publishing.publication import CHALLENGER, REFIT, SCHEDULED, STARTED, Publication
from stream_seg.learning.publishing.snapshots import compose, with_evidence

from .clustering.challenger import Outcome, Trial
from .clustering.clusters import Clusters, fresh_start
from .clustering.matching import renumber
from .clustering.policy import LearnerPolicy
from .clustering.recent import RecentCustomers
from .clustering.scaling import Matrix, Scaling
from .clustering.warm_start import RESTARTS


class Learner:
    """A learner of k clusters of customers.

    Call `observe` for each sampled customer and `advance` after each batch of them. Publish `snapshot` when `advance`
    returns a reason. Before the first good start, samples are only stored. After it, each sample moves the center
    nearest to it, and challengers are tried beside the active clusters. Snapshots contain neither a running trial nor
    the recent sample. After a restart both are rebuilt from the samples that follow. The same seed (0 or more) and the
    same calls always give the same snapshots.
    """

    def __init__(self, k: int, seed: int, policy: LearnerPolicy) -> None:
        self.k, self.seed, self.policy = k, seed, policy
        self.skipped = 0  # samples with a number that is not finite
        self._progress = Progress(clusters=k)
        self._recent = RecentCustomers(policy.recent_customers)
        self._clusters: Clusters | None = None
        self._numbers: list[int] = []  # of the segments, ascending, in the order of the centers
        self._trial: Trial | None = None
        self._publication = Publication(np.empty((0, len(policy.features))))
        self._retry_at = 0  # number of samples before the next start, after one that found too few distinct customers

    @classmethod
    def restore(cls, snapshot: ModelSnapshot, k: int, seed: int, policy: LearnerPolicy) -> Self:
        """Return a learner that continues from a snapshot, with an empty recent sample.

        A k or features other than the snapshot's take effect at the next fresh start, as soon as the recent sample has
        filled again. Raises ValueError when the learner state of the snapshot has an unknown format.
        """
        self = cls(k, seed, policy)
        self._progress = Progress.from_json(snapshot.learner, len(snapshot.centroids))
        self._numbers = list(snapshot.numbers)
        self._progress.next_number = max(self._progress.next_number, self._numbers[-1] + 1)
        published = np.array(snapshot.centroids, dtype=np.float64)
        self._clusters = Clusters(Scaling.of(snapshot), self._progress.centers_or(published), policy.learning_rate)
        self._publication = Publication(published, snapshot)
        return self

    def resumed(self, snapshot: ModelSnapshot) -> Self:
        """Return a learner that continues from another snapshot, with the recent sample of this one.

        It makes no fresh start before a full sample of customers has arrived, so that a model that an operator went
        back to is not replaced at once. Raises as `restore`.
        """
        other = type(self).restore(snapshot, self.k, self.seed, self.policy)
        other._recent, other.skipped = self._recent, self.skipped
        other._retry_at = other._progress.samples + other._enough_customers
        return other

    def rename(self, segments: Sequence[SegmentProfile]) -> None:
        """Keep the centers and take over the names that an operator published."""
        self._publication.segments = list(segments)

    @property
    def sample(self) -> Matrix:
        """The recent sample: customers (n, len(FEATURES)) in human units."""
        return self._recent.matrix()

    @property
    def ready(self) -> bool:
        """Whether there are centers."""
        return self._clusters is not None

    @property
    def centers(self) -> Matrix:
        """Centers in scaled space (k, d), with k = 0 before the start."""
        return self._publication.centers[:0] if self._clusters is None else self._clusters.centers

    @property
    def customers(self) -> int:
        """Number of distinct customers in the recent sample."""
        return len(self._recent)

    def observe(self, customer_id: str, row: Sequence[float], clock: float, mix: Mix | None = None) -> None:
        """Learn from one sampled customer: features (len(FEATURES)) at `clock`, epoch seconds.

        `mix` is for profiles only. A row with a number that is not finite is counted in `skipped` and
        otherwise ignored. Raises ValueError when the row has another length.
        """
        if self._store(customer_id, row, clock, mix) and self._clusters is not None:
            if self._trial is not None:
                self._trial.add(row)
            self._progress.counts[self._clusters.learn_one(row)] += 1

    def _store(self, customer_id: str, row: Sequence[float], clock: float, mix: Mix | None) -> bool:
        """Put a sample into the recent sample. Return False if it is skipped."""
        if len(row) != len(FEATURES):
            raise ValueError(f"the sample of {customer_id} has {len(row)} features: give all {len(FEATURES)}")
        if not all(map(isfinite, row)):
            self.skipped += 1
            return False
        if self._progress.first_clock is None:
            self._progress.first_clock = clock
        self._progress.samples += 1
        self._recent.put(customer_id, row, mix)
        return True

    def ready_to_start(self, clock: float, drained: bool = False) -> bool:
        """Return whether the first sample is large and old enough at `clock` (epoch seconds).

        `drained` means that the inputs have been read to their current end. A smaller sample is enough then.
        """
        if self.ready or self._progress.first_clock is None:
            return False
        if drained and self.customers >= self._fewest_customers:
            return True
        warm = clock - self._progress.first_clock >= self.policy.warm_up_s
        return warm and self.customers >= self.policy.min_customers

    def advance(self, clock: float, drained: bool = False) -> str | None:
        """Start, begin or score a challenger if it is time, and return the reason to publish a snapshot, or None.

        Call it after each batch of samples. `clock` is stream time in epoch seconds, `drained` as in `ready_to_start`.
        """
        if self._clusters is None:
            if self._progress.samples >= self._retry_at and self.ready_to_start(clock, drained):
                self._start(clock, STARTED)
        elif self._trial is not None:
            self._score(self._trial, self._clusters)
        elif self._progress.samples >= self._retry_at and self.customers >= self._enough_customers:
            if self._settings_changed:
                self._start(clock, REFIT)
            elif self._challenge_due(clock):
                self._challenge(self._clusters, clock)
        if clock - self._publication.measured_at >= self.policy.publish_gap_s:
            self._publication.saving, self._publication.measured_at = self.staleness(), clock
        return self.due(clock)

    def due(self, clock: float) -> str | None:
        """Return the reason to publish a snapshot at `clock` (epoch seconds), or None. Changes nothing."""
        return self._publication.due(clock, self._progress, self.policy) if self.ready else None

    def staleness(self) -> float:
        """Return the share of the recent sample's squared distance that learned centers save on the published ones."""
        if self._clusters is None or self._publication.pending or self.customers < self._enough_customers:
            return 0.0
        return self._clusters.saving(self._recent.matrix(), self._publication.centers)

    def snapshot(self, clock: float, created_at: str, parent: int, reason: str) -> ModelSnapshot:
        """Return the current model as version `parent` + 1.

        With the reason `SCHEDULED` the published centers stay where they are, and only profiles are updated, because
        centers that move a little every week would move customers for no gain. `clock` is stream time in epoch
        seconds, `created_at` is RFC 3339. Raises RuntimeError before the start.
        """
        if self._clusters is None:
            raise RuntimeError("there is nothing to publish yet: wait until advance() returns a reason")
        publication, progress = self._publication, self._progress
        scaling, centers = self._clusters.scaling, self._clusters.centers
        if reason == SCHEDULED and not publication.pending:
            progress.centers, centers = centers.tolist(), publication.centers
        else:
            progress.centers, publication.saving = [], 0.0
        profiles = self._profiles(scaling, centers)
        progress.published_clock, progress.published_samples = clock, progress.samples
        fields = {"parent": parent, "created_at": created_at, "clock": clock, "reason": reason}
        snapshot = compose(scaling, centers, profiles, progress, version=parent + 1, **fields)
        if publication.snapshot is not None and publication.pending in (CHALLENGER, REFIT):
            rows = self._recent.matrix()
            snapshot = with_evidence(publication.snapshot, snapshot, rows, publication.evidence)
        publication.record(snapshot, centers)
        return snapshot

    def _profiles(self, scaling: Scaling, centers: Matrix) -> list[SegmentProfile]:
        """Return profiles under the numbers of the segments.

        While the recent sample is small, these are the profiles that were published last.
        """
        published = [each for each in self._publication.segments if each is not None]
        if len(published) == len(centers) and self.customers < self._enough_customers:
            return published
        rows, mixes = self._recent.matrix(), self._recent.mixes()
        described = describe(scaling, centers, rows, self._publication.segments, mixes)
        return [
            each.model_copy(update={"id": segment_id(number)})
            for each, number in zip(described, self._numbers, strict=True)
        ]

    @property
    def _fewest_customers(self) -> int:
        return self.policy.customers_per_cluster * self.k

    @property
    def _enough_customers(self) -> int:
        """Customers that make the recent sample as informative as the sample of the last start."""
        return max(self._fewest_customers, min(self._progress.customers_at_start, self.policy.min_customers))

    @property
    def _settings_changed(self) -> bool:
        """Whether the learner was restored with a k or features other than those of its centers."""
        features = self._clusters.scaling.features if self._clusters else ()
        return self._progress.clusters != self.k or features != self.policy.features

    def _challenge_due(self, clock: float) -> bool:
        progress, policy = self._progress, self.policy
        grown = self.customers >= policy.challenge_growth * progress.customers_at_start
        return grown or clock - (progress.challenged_clock or 0.0) >= policy.challenge_every_s

    def _fresh(self, restarts: int) -> Clusters | None:
        """Return clusters found on the recent sample, or None where its customers are too much alike."""
        rng = np.random.default_rng([self.seed, self._progress.starts])
        self._progress.starts += 1
        found = fresh_start(self._recent.matrix(), self.k, self.policy, rng, restarts, self._clusters)
        if found is None or len(found.centers) < min(self.k, len(self.centers)):
            self._retry_at = self._progress.samples + self._enough_customers
            return None
        return found

    def _start(self, clock: float, reason: str) -> None:
        if found := self._fresh(RESTARTS):
            self._progress.customers_at_start, self._progress.challenged_clock = self.customers, clock
            self._activate(found, reason)

    def _challenge(self, active: Clusters, clock: float) -> None:
        self._progress.customers_at_start, self._progress.challenged_clock = self.customers, clock
        if found := self._fresh(self.policy.challenge_restarts):
            self._trial = Trial(found, active)

    def _score(self, trial: Trial, active: Clusters) -> None:
        """Score the samples since the last call, and end the trial when it is won or lost."""
        trial.score(active)
        verdict = trial.verdict
        outcome = verdict.outcome(self.policy, min(self.policy.trial_samples, self.customers))
        self._trial = trial if outcome is Outcome.UNDECIDED else None
        if outcome is Outcome.WON:
            self._publication.evidence = verdict.to_json()
            self._activate(trial.challenger, CHALLENGER)

    def _activate(self, found: Clusters, reason: str) -> None:
        """Replace the active clusters. A new cluster keeps the number of the old one whose customers it has."""
        progress, shared = self._progress, np.empty((0, len(found.centers)), np.int64)
        if self._clusters is not None:
            rows = self._recent.matrix()
            shape = len(self._numbers), len(found.centers)
            shared = flow_matrix(self._clusters.nearest(rows), found.nearest(rows), shape)
        by_number = dict(zip(self._numbers, self._publication.segments, strict=False))
        order, self._numbers, progress.next_number = renumber(shared, self._numbers, progress.next_number)
        self._clusters = Clusters(found.scaling, found.centers[order], self.policy.learning_rate)
        progress.clusters, progress.counts = self.k, [0] * len(order)
        self._publication.replace_clusters([by_number.get(number) for number in self._numbers], reason)
