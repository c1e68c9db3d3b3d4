"""What `stream-seg topics check` says of what it found."""

from __future__ import annotations

import pytest

from stream_seg.cli.topics import missing_sources, report
from stream_seg.errors import Failure
from stream_seg.tools.topics import Problem

MISSING = Problem("purchases", "does not exist", "run `stream-seg topics create`")


def test_good_topics(capsys: pytest.CaptureFixture[str]) -> None:
    report([], 9)

    assert capsys.readouterr().out == "all 9 topics are as they should be\n"


@pytest.mark.parametrize(("problems", "says"), [([MISSING], "1 thing is wrong"), ([MISSING] * 2, "2 things are wrong")])
def test_what_is_wrong_is_a_failure_with_a_line(
    problems: list[Problem], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(Failure, match=f"{says} with the topics: do what the table on standard output says"):
        report(problems, 9)

    shown = capsys.readouterr().out.splitlines()
    assert [line.split() for line in shown[1:]] == [
        ["purchases", "does", "not", "exist", "run", "`stream-seg", "topics", "create`"]
    ] * len(problems)


def test_a_missing_intake_topic_has_a_remedy() -> None:
    (problem,) = missing_sources(["shop.orders"])

    assert problem.topic == "shop.orders"
    assert problem.remedy == "create it, or correct STREAM_SEG_INTAKE_TOPICS"
