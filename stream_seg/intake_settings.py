"""Settings of the intake: its input topics, and the mappings from their records to events."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Final, Self

from pydantic import BeforeValidator, Field, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode

# The key of the mapping for every topic without its own mapping. No topic has an empty name.
EVERY_TOPIC: Final = ""
_TOPIC: Final = re.compile(r"[A-Za-z0-9._-]{1,249}")

Topics = BeforeValidator(lambda value: _topics(value) if isinstance(value, str) else value)
Maps = BeforeValidator(lambda value: _maps(value) if isinstance(value, str) else value)


class IntakeSettings(BaseSettings):
    """The topics that `stream-seg intake` reads, and their mappings."""

    intake_topics: Annotated[tuple[str, ...], NoDecode, Topics] = Field(
        (), description="topics that `stream-seg intake` reads, separated by commas. No prefix is added"
    )
    intake_map: Annotated[dict[str, Path], NoDecode, Maps] = Field(
        default_factory=dict, description="mapping file of the intake topics, or topic=file separated by commas"
    )

    @field_validator("intake_topics")
    @classmethod
    def _topics_possible(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for name in value:
            if _TOPIC.fullmatch(name) is None or name in (".", ".."):
                raise ValueError(f"INTAKE_TOPICS names {name!r}, which is not a valid topic name. Write orders,clicks")
            if value.count(name) > 1:
                raise ValueError(f"INTAKE_TOPICS names {name!r} twice. Remove one")
        return value

    @field_validator("intake_map")
    @classmethod
    def _maps_exist(cls, value: dict[str, Path]) -> dict[str, Path]:
        for path in value.values():
            if not path.is_file():
                raise ValueError(f"INTAKE_MAP names {path}, which is not a file. Give the path of a mapping file")
        return value

    @model_validator(mode="after")
    def _maps_used(self) -> Self:
        for topic in self.intake_map:
            if topic != EVERY_TOPIC and topic not in self.intake_topics:
                raise ValueError(f"INTAKE_MAP has a mapping for {topic!r}, which INTAKE_TOPICS does not name. Add it")
        return self


def _topics(value: str) -> list[str]:
    return [name.strip() for name in value.split(",") if name.strip()]


def _maps(value: str) -> dict[str, str]:
    """Return file by topic, from `file` for every topic, or from `topic=file` separated by commas."""
    maps: dict[str, str] = {}
    for part in filter(None, map(str.strip, value.split(","))):
        topic, equals, path = map(str.strip, part.rpartition("="))
        if topic in maps:
            which = f"the topic {topic!r}" if equals else "every topic"
            raise ValueError(f"INTAKE_MAP has two files for {which}. Write one, or topic=file,topic=file")
        maps[topic] = path
    return maps
