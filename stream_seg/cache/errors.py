"""What can go wrong between this program and Redis, as two exceptions."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from redis.exceptions import AuthenticationError, NoPermissionError, RedisError

from stream_seg.errors import CacheRefused, CacheUnavailable, causes


@contextmanager
def redis_errors() -> Iterator[None]:
    """Turn every failure of Redis or of the network inside the block into `CacheUnavailable`."""
    try:
        yield
    except (RedisError, OSError) as error:
        if (sentence := _refusal(error)) is not None:
            raise CacheRefused(sentence) from error
        # The texts of redis-py name host and port, never user or password. A timeout of asyncio has no text.
        raise CacheUnavailable(
            f"Redis did not answer as it should ({type(error).__name__}: {str(error) or 'too slow'}); "
            "check that it runs, is reachable, and takes writes"
        ) from error


def _refusal(error: BaseException) -> str | None:
    """Why Redis, or TLS, turns this client down; None for other failures.

    Redis's own texts name commands and keys but no password, and redis-py wraps the errors of TLS in its own.
    """
    if isinstance(error, NoPermissionError):
        return (
            f"Redis does not let this user do what is needed ({error}); grant it the commands and keys that"
            " docs/guides/connections.md#redis lists"
        )
    if isinstance(error, AuthenticationError):
        return "Redis refuses the login; check user and password in STREAM_SEG_REDIS_URL"
    for found in causes(error):
        if isinstance(found, ssl.SSLCertVerificationError):
            return f"the certificate of Redis {_certificate(found)}"
        if isinstance(found, ssl.SSLError):
            return f"no TLS connection to Redis ({found.reason or found}); check STREAM_SEG_REDIS_URL"
    return None


def _certificate(error: ssl.SSLCertVerificationError) -> str:
    if "expired" in error.verify_message:
        return "has expired; renew it"
    if "match" in error.verify_message:
        return "is for another host name; write a name that it lists into STREAM_SEG_REDIS_URL"
    return (
        f"is not trusted ({error.verify_message}); set STREAM_SEG_REDIS_SSL_CAFILE to the certificate of the"
        " authority that signed it"
    )


def checked(replies: list[Any]) -> list[Any]:
    """The replies of a pipeline that was executed with `raise_on_error=False`; raises the first error among them.

    redis-py's own raising would quote the command, and with it customers' data, in the text of the error.
    """
    for reply in replies:
        if isinstance(reply, Exception):
            raise reply
    return replies
