"""Connection options and bad Redis URLs."""

from __future__ import annotations

import traceback

import pytest

from stream_seg.cache.connect import connect, connect_async


def test_connections_of_threads_have_the_timeouts() -> None:
    pool = connect("redis://127.0.0.1:1/2", connect_timeout_s=0.25, timeout_s=0.5).connection_pool
    options = pool.connection_kwargs
    assert (options["socket_connect_timeout"], options["socket_timeout"], options["db"]) == (0.25, 0.5, 2)


def test_connections_of_asyncio_have_no_timeout_per_reply() -> None:
    pool = connect_async("redis://127.0.0.1:1/2", connect_timeout_s=0.25, timeout_s=0.5).connection_pool
    options = pool.connection_kwargs
    assert (options["socket_connect_timeout"], options["socket_timeout"], options["db"]) == (0.25, None, 2)


@pytest.mark.parametrize("make", [connect, connect_async])
@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:6379",
        "127.0.0.1:6379",
        "redis://:hunter2/hunter2@127.0.0.1:6379/0",
        "redis://user:hunter2@127.0.0.1:port/0",
        "redis://user:hunter2@127.0.0.1:6379/shop",
        "redis://user:hunter2@127.0.0.1:6379/0?no_such_option=1",
    ],
)
def test_a_bad_url_is_explained_without_its_password(make: object, url: str) -> None:
    assert callable(make)
    with pytest.raises(ValueError, match="write redis://") as caught:
        make(url)
    assert "hunter2" not in "".join(traceback.format_exception_only(caught.value))
    assert caught.value.__suppress_context__
