"""Redis connections with short timeouts and at most one retry, for threads and for asyncio."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeVar
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

# More calls than this at a time wait for a connection, up to `timeout_s`; redis-py's own pool would refuse them.
MAX_CONNECTIONS: Final = 32

# One retry, at once, mends a connection that died while idle. Waiting longer is the caller's to decide.
RETRIES: Final = 1

P = TypeVar("P")


def connect(url: str, *, connect_timeout_s: float = CONNECT_TIMEOUT_S, timeout_s: float = TIMEOUT_S) -> redis.Redis:
    """A client for threads; nothing is sent yet. Raises ValueError when `url` is not a Redis URL.

    `timeout_s` bounds the wait for a free connection, and for each reply.
    """
    options = {**_options(connect_timeout_s, timeout_s), "socket_timeout": timeout_s}
    options["retry"] = Retry(NoBackoff(), RETRIES, supported_errors=(RedisConnectionError,))
    return redis.Redis.from_pool(_made(redis.BlockingConnectionPool.from_url, url, options))


def connect_async(
    url: str, *, connect_timeout_s: float = CONNECT_TIMEOUT_S, timeout_s: float = TIMEOUT_S
) -> redis.asyncio.Redis:
    """The same for asyncio, but replies have no timeout of their own: put `asyncio.timeout` around the whole call.

    That is a bound on the call as a whole, and a fifth cheaper than a timer for each of a hundred replies.
    """
    options = {**_options(connect_timeout_s, timeout_s), "socket_timeout": None}
    options["retry"] = AsyncRetry(NoBackoff(), RETRIES, supported_errors=(RedisConnectionError,))
    return redis.asyncio.Redis.from_pool(_made(redis.asyncio.BlockingConnectionPool.from_url, url, options))


def _options(connect_timeout_s: float, timeout_s: float) -> dict[str, Any]:
    return {
        "decode_responses": True,
        # What is not UTF-8 was not written by stream_seg, and must not break off the reading of replies.
        "encoding_errors": "replace",
        # Old servers and proxies know no other; it also keeps the handshake short.
        "protocol": 2,
        "socket_connect_timeout": connect_timeout_s,
        "max_connections": MAX_CONNECTIONS,
        "timeout": timeout_s,
    }


def _made(make: Callable[..., P], url: str, options: dict[str, Any]) -> P:
    try:
        # redis-py takes a database that is no number for database 0.
        if (database := urlsplit(url).path.strip("/")) and not database.isdigit():
            raise ValueError
        pool = make(url, **options)
        # Made now and not when first used, because an option in the query that does not exist is only found here.
        made: Any = pool
        made.connection_class(**made.connection_kwargs)
    except (TypeError, ValueError):
        # The parser's own message may quote a part of the password, so it must not be chained.
        raise BadUrl(
            "not a Redis URL: write redis://[user:password@]host:port[/database] or rediss://..., "
            "with special characters of the password percent-encoded"
        ) from None
    return pool
