"""Failures of Redis and of the connection to it, as two exceptions."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from redis.exceptions import AuthenticationError, NoPermissionError, RedisError

from stream_seg.errors import CacheRefused, CacheUnavailable, causes


@contextmanager
def redis_errors() -> Iterator[None]:
    """Raise `CacheUnavailable` for any failure of Redis or of the network inside the block.

    A refusal that an operator must fix raises its subclass `CacheRefused`.
    """
    try:
        yield
    except (RedisError, OSError) as error:
        if (message := _refusal(error)) is not None:
            raise CacheRefused(message) from error
        # Messages of redis-py name host and port, never user or password. A timeout of asyncio has no message.
        raise CacheUnavailable(
            f"Redis did not answer as it should ({type(error).__name__}: {str(error) or 'too slow'}): "
            "check that it runs, is reachable, and takes writes"
        ) from error


def _refusal(error: BaseException) -> str | None:
    """Return a message if Redis or TLS refuses this client, or None for other failures.

    Redis's own messages name commands and keys but no password. redis-py wraps TLS errors in its own exceptions.
    """
    if isinstance(error, NoPermissionError):
        return (
            f"Redis denies permission to this user ({error}): grant it the commands and keys that"
            " docs/guides/connections.md#redis lists"
        )
    if isinstance(error, AuthenticationError):
        return "Redis refuses the login: check user and password in STREAM_SEG_REDIS_URL"
    for cause in causes(error):
        if isinstance(cause, ssl.SSLCertVerificationError):
            return f"the certificate of Redis {_certificate(cause)}"
        if isinstance(cause, ssl.SSLError):
            return f"no TLS connection to Redis ({cause.reason or cause}): check STREAM_SEG_REDIS_URL"
    return None


def _certificate(error: ssl.SSLCertVerificationError) -> str:
    if "expired" in error.verify_message:
        return "has expired: renew it"
    if "match" in error.verify_message:
        return "is for another host name: use a name that it lists in STREAM_SEG_REDIS_URL"
    return (
        f"is not trusted ({error.verify_message}): set STREAM_SEG_REDIS_SSL_CAFILE to the certificate of the"
        " authority that signed it"
    )


def checked(replies: list[Any]) -> list[Any]:
    """Return the replies of a pipeline that was executed with `raise_on_error=False`, or raise the first error in them.

    redis-py would quote the command, and with it customers' data, in the message of the error.
    """
    for reply in replies:
        if isinstance(reply, Exception):
            raise reply
    return replies
