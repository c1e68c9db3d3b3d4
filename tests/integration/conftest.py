"""Fixtures of the integration tests beyond `tests.conftest`."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.integration.support.deployment import Services, services


@pytest.fixture(scope="module")
def on(tmp_path_factory: pytest.TempPathFactory, broker_setting: str) -> Iterator[Services]:
    """Yield a broker and a Redis that the tests of a module share, once for each broker.

    A module about one broker alone overrides `broker_setting`.
    """
    with services(tmp_path_factory.mktemp("services"), broker_setting) as made:
        yield made
