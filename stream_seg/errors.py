"""Every error that stream_seg raises on purpose, as one tree.

    StreamSegError
    ├── UsageError                  a setting or an argument is wrong (exit status 2)
    ├── Failure                     a command could not do what was asked
    ├── BrokerError                 Kafka or a topic cannot be used
    │   ├── BrokerUnavailable
    │   └── BrokerRefused
    ├── CacheError                  Redis cannot be used
    │   ├── CacheUnavailable
    │   │   └── CacheRefused
    │   ├── CacheDamaged
    │   ├── PrefixTaken
    │   └── BadUrl                  (also a UsageError)
    ├── EmbeddedError               the embedded broker or Redis did not start
    ├── StoreError                  the store on disk cannot be used
    │   └── StoreLocked
    ├── WorkerError                 a worker must stop
    │   ├── LeaseLost
    │   ├── IncompleteState
    │   └── StateMismatch
    ├── DataError                   bytes, a file or a name that cannot be read (also ValueErrors)
    │   ├── BadRecord
    │   ├── BadChangelog
    │   ├── BadChange
    │   ├── BadName
    │   ├── SourceError
    │   ├── MappingError
    │   └── OwnTopic
    ├── AlreadySent                 a replay would count events twice
    └── ConcurrentUpdate            other operators published models at the same time

Messages say what happened and what to do. They never contain a secret.
"""

from __future__ import annotations

from collections.abc import Iterator


class StreamSegError(Exception):
    """Base of all errors below. The message is one or two sentences for an operator."""


class UsageError(StreamSegError):
    """An argument or a setting is wrong. The message names it and says what to write."""


class Failure(StreamSegError):
    """A command could not do what was asked. The message says what to do."""


class BrokerError(StreamSegError):
    """The broker or a topic cannot be used."""


class BrokerUnavailable(BrokerError):
    """No broker answers at the address."""

    def __init__(self, address: str) -> None:
        super().__init__(f"no broker answers at {address}: is it running? Set STREAM_SEG_BROKER to the right address")


class BrokerRefused(BrokerError):
    """The broker answers but refuses this client because TLS, credentials or permissions are wrong."""


class CacheError(StreamSegError):
    """Redis or its content cannot be used."""


class CacheUnavailable(CacheError):
    """Redis is away, too slow, or refuses the command. The request itself is fine, so a later attempt may succeed."""


class CacheRefused(CacheUnavailable):
    """Redis answers, but TLS, the login or a permission is wrong. An attempt succeeds only after you correct that."""


class CacheDamaged(CacheError):
    """Redis holds something that stream_seg does not write. The message names the key."""


class PrefixTaken(CacheError):
    """The keys under the prefix belong to another application, and its documents would mix with this one's."""

    def __init__(self, prefix: str, owner: str, app_id: str) -> None:
        super().__init__(
            f"the Redis keys under {prefix!r} belong to the application {owner!r}, and this one is {app_id!r}: "
            f"give this one another STREAM_SEG_REDIS_PREFIX; "
            f"or, if {owner!r} is gone for good, hand the keys over with: redis-cli del {prefix}:owner"
        )
        self.prefix = prefix
        self.owner = owner
        self.app_id = app_id


class BadUrl(CacheError, UsageError, ValueError):
    """The URL of a Redis cannot be read. The message does not quote it because it may contain a password."""


class EmbeddedError(StreamSegError):
    """An embedded service is missing, did not start, or is not running."""


class StoreError(StreamSegError):
    """The store on disk cannot be used."""


class StoreLocked(StoreError):
    """Another process has the database open."""


class WorkerError(StreamSegError):
    """A worker must stop before it writes something wrong."""


class LeaseLost(WorkerError):
    """This worker was silent for so long that another may own its partitions."""


class IncompleteState(WorkerError):
    """Recovery did not read all of a partition's changelog."""


class StateMismatch(WorkerError):
    """The input topics or the settings are not the ones that the state was built with."""


class DataError(StreamSegError, ValueError):
    """Bytes, a file or a name cannot be read. The message says which, where, and why."""


class BadRecord(DataError):
    """Bytes are not a customer record of a format that this version knows."""


class BadChangelog(DataError):
    """This version cannot read a changelog record."""


class BadChange(DataError):
    """A message on `segment-changes` is not a segment change."""


class BadName(DataError):
    """A segment cannot have this name."""


class SourceError(DataError):
    """A file or data set cannot be read."""


class MappingError(DataError):
    """A mapping file is wrong or does not fit the source. The message names file, table and key."""


class OwnTopic(DataError):
    """INTAKE_TOPICS names a topic of this deployment, so the intake would read what it writes."""


class AlreadySent(StreamSegError):
    """An earlier replay sent this source or a part of it."""


class ConcurrentUpdate(StreamSegError):
    """Other operators published models at the same time, several times in a row."""


def causes(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and the errors that led to it, the latest first, each once.

    An error may be its own cause because some libraries raise one "from" itself.
    """
    seen: set[int] = set()
    found: BaseException | None = error
    while found is not None and id(found) not in seen:
        yield found
        seen.add(id(found))
        found = found.__cause__ or found.__context__
