"""Failures of Redis as one exception."""

from __future__ import annotations

import pytest
from redis.exceptions import NoScriptError, ResponseError
from redis.exceptions import TimeoutError as RedisTimeoutError

from stream_seg.cache.errors import checked, redis_errors
from stream_seg.errors import CacheUnavailable, PrefixTaken


@pytest.mark.parametrize(
    "failure", [ResponseError("OOM command not allowed"), RedisTimeoutError("slow"), ConnectionResetError("gone")]
)
def test_failures_of_redis_and_of_the_network_raise_one_exception(failure: Exception) -> None:
    with pytest.raises(CacheUnavailable, match="check that it runs") as caught, redis_errors():
        raise failure
    assert caught.value.__cause__ is failure
    assert str(failure) in str(caught.value)


def test_other_exceptions_pass_through() -> None:
    with pytest.raises(KeyError), redis_errors():
        raise KeyError("a bug")


def test_the_first_error_among_replies_is_raised() -> None:
    with pytest.raises(NoScriptError):
        checked([1, NoScriptError("first"), ResponseError("second")])
    assert checked([1, None, "text"]) == [1, None, "text"]


def test_a_taken_prefix_names_its_owner_and_the_remedy() -> None:
    error = PrefixTaken("seg", "shop-a", "shop-b")
    assert str(error) == (
        "the Redis keys under 'seg' belong to the application 'shop-a', and this one is 'shop-b': "
        "give this one another STREAM_SEG_REDIS_PREFIX; "
        "or, if 'shop-a' is gone for good, hand the keys over with: redis-cli del seg:owner"
    )
