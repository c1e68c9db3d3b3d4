"""Redis connections with short timeouts and at most one retry, for threads and for asyncio."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeVar, cast
from urllib.parse import urlsplit

import redis
import redis.asyncio
from redis.asyncio.retry import Retry as AsyncRetry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.retry import Retry

from stream_seg.errors import BadUrl

CONNECT_TIMEOUT_S: Final = 1.0
TIMEOUT_S: Final = 1.0

# Further concurrent calls wait for a connection, up to `timeout_s`. The default pool of redis-py would reject them.
MAX_CONNECTIONS: Final = 32

# One immediate retry replaces a connection that broke while idle. Longer waits are up to the caller.
RETRIES: Final = 1

P = TypeVar("P")


def connect(url: str, *, connect_timeout_s: float = CONNECT_TIMEOUT_S, timeout_s: float = TIMEOUT_S) -> redis.Redis:
    """Return a client for threads, without connecting. Raises ValueError when `url` is not a Redis URL.

    `timeout_s` limits the wait for a free connection, and the wait for each reply.
    """
    options = {**_options(connect_timeout_s, timeout_s), "socket_timeout": timeout_s}
    options["retry"] = Retry(NoBackoff(), RETRIES, supported_errors=(RedisConnectionError,))
    return redis.Redis.from_pool(_pool(redis.BlockingConnectionPool.from_url, url, options))


def connect_async(
    url: str, *, connect_timeout_s: float = CONNECT_TIMEOUT_S, timeout_s: float = TIMEOUT_S
) -> redis.asyncio.Redis:
    """Return a client for asyncio, without connecting. Raises ValueError when `url` is not a Redis URL.

    Replies have no timeout of their own, so put `asyncio.timeout` around the whole call. For a hundred replies, this is
    a fifth cheaper than a timer per reply. `timeout_s` limits the wait for a free connection.
    """
    options = {**_options(connect_timeout_s, timeout_s), "socket_timeout": None}
    options["retry"] = AsyncRetry(NoBackoff(), RETRIES, supported_errors=(RedisConnectionError,))
    return redis.asyncio.Redis.from_pool(_pool(redis.asyncio.BlockingConnectionPool.from_url, url, options))


def _options(connect_timeout_s: float, timeout_s: float) -> dict[str, Any]:
    return {
        "decode_responses": True,
        # Another program may have written values that are not UTF-8. They must not interrupt the reading of replies.
        "encoding_errors": "replace",
        # Old servers and proxies support no other protocol, and this one has the shorter handshake.
        "protocol": 2,
        "socket_connect_timeout": connect_timeout_s,
        "max_connections": MAX_CONNECTIONS,
        "timeout": timeout_s,
    }


def _pool(from_url: Callable[..., P], url: str, options: dict[str, Any]) -> P:
    try:
        # redis-py would use database 0 for a database that is not a number.
        if (database := urlsplit(url).path.strip("/")) and not database.isdigit():
            raise ValueError
        pool: Any = from_url(url, **options)
        # Create a connection object now, because only its constructor detects unknown options in the query.
        pool.connection_class(**pool.connection_kwargs)
    except (TypeError, ValueError):
        # The parser's message may quote a part of the password, so the error must not be chained.
        raise BadUrl(
            "not a Redis URL: write redis://[user:password@]host:port[/database] or rediss://..., "
            "with special characters of the password percent-encoded"
        ) from None
    return cast(P, pool)
