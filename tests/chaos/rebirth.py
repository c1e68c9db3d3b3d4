"""An empty broker after the loss of all data: workers must start over, and leave no wrong documents in Redis."""

from __future__ import annotations

import asyncio
import time

from stream_seg.tools.topics import create_topics, topic_specs
from tests.chaos.sender import Sender
from tests.chaos.stage import Stage
from tests.chaos.verdict import Verdict, judge_changes
from tests.integration.support.ending import read_ending, read_redis

SHARE = 20  # share of the input that is sent again
DRAINED_S = 120.0
SETTLED_S = 10.0
POLL_S = 0.5


def be_reborn(verdict: Verdict, scene: Stage) -> None:
    """Restart an empty broker, send a part of the input, and check every document in Redis.

    A customer in the new topics has the document of those topics. Any other customer keeps the previous document.
    """
    before, _ = read_redis(scene.deployed)
    scene.sender.stop()  # the producer would connect to the broker that is gone
    scene.broker.restart()
    scene.say("the broker has come back with nothing")
    asyncio.run(create_topics(scene.broker.value, topic_specs(scene.settings)))
    for place in scene.fleet.places[: scene.options.workers]:
        scene.fleet.want(place)
    scene.sender = Sender(scene.broker.value.address, scene.settings.topic, idempotent=False)
    scene.sender.start()
    scene.sender.send_now(scene.simulated.sent[: max(1, len(scene.simulated.sent) // SHARE)])
    deadline = time.monotonic() + DRAINED_S
    while scene.lag() > 0 and time.monotonic() < deadline:
        time.sleep(POLL_S)
    time.sleep(SETTLED_S)
    topic = judge_changes(Verdict(), read_ending(scene.deployed))
    after, _ = read_redis(scene.deployed)
    findings = [f"lag is still {scene.lag()}"] if scene.lag() else []
    findings += [
        f"{each}: Redis {after.get(each)}, new topic {topic.get(each)}, before {before.get(each)}"
        for each in sorted(before.keys() | after.keys() | topic.keys())
        if after.get(each) != topic.get(each, before.get(each))
    ]
    verdict.row("reborn_differs", findings)
    scene.say(f"of {len(topic):,} customers of the new topics and {len(before):,} before, {len(findings)} differ")
