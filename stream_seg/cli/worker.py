"""`stream-seg worker`: start services, create topics, and run one worker until a signal or a failure."""

from __future__ import annotations

from stream_seg.addresses import Addresses
from stream_seg.cli.config import load_settings, quiet_logging
from stream_seg.cli.interrupt import run_async
from stream_seg.embedded.services import open_services
from stream_seg.errors import Failure
from stream_seg.settings import Settings


def run() -> int:
    """Run one worker and return the exit status."""
    settings = load_settings()
    quiet_logging(settings)
    # Faust creates its own folder in there, but not this one.
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    with open_services(settings) as addresses:
        run_async(prepare_topics(addresses, settings))
        return _work(settings, addresses)


async def prepare_topics(addresses: Addresses, settings: Settings) -> None:
    """Create missing topics, and check that this client may use them and join the group.

    Raises Failure if existing topics do not have the partitions of the settings, because a worker with the wrong count
    would reject good records as misplaced. Raises BrokerRefused for missing permissions.
    """
    from stream_seg.kafka.client import check_group, connect, partitions_of
    from stream_seg.tools.topics import create_topics, topic_specs

    specs = topic_specs(settings)
    await create_topics(addresses.broker, specs)
    async with connect(addresses.broker) as client:
        found = await partitions_of(client, [spec.name for spec in specs])
        await check_group(client, settings.app_id)
    counts = {spec.name: len(found.get(spec.name, ())) for spec in specs if spec.copartitioned}
    wrong = [f"{name} has {count}" for name, count in counts.items() if count != settings.partitions]
    if wrong:
        raise Failure(
            f"these topics do not have the {settings.partitions} partitions of STREAM_SEG_PARTITIONS:"
            f" {', '.join(wrong)}; `stream-seg topics check` says what to do"
        )


def _work(settings: Settings, addresses: Addresses) -> int:
    from stream_seg.worker.process import run_worker

    return run_worker(settings, addresses)
