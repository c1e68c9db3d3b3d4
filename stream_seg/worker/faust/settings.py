"""The Faust app with the settings that differ from its defaults, and why."""

from __future__ import annotations

from typing import Final

import faust
from faust.types.auth import CredentialsT
from mode import CrashingSupervisor

from stream_seg.core.events.taxonomy import TOPICS
from stream_seg.kafka.broker import Broker, Security
from stream_seg.settings import Settings

from .batches import BatchScheduler, batch_records

# Longest session on the embedded broker, where the first member of a group waits half of the rebalance timeout.
EMBEDDED_SESSION_S: Final = 6.0
# The records of one poll are absorbed while they are still in the processor's cache.
MAX_POLL_RECORDS: Final = 4_096


def make_faust(settings: Settings, broker: Broker) -> faust.App:
    """Return a Faust app without agents and tables, set up for batches. Raises BrokerError for unusable TLS files."""
    session_s = min(EMBEDDED_SESSION_S, settings.session_timeout_s) if broker.embedded else settings.session_timeout_s
    return faust.App(
        settings.app_id,
        broker=[f"kafka://{host}" for host in broker.address.split(",")],
        broker_credentials=_credentials(broker.security),
        store="memory://",
        datadir=str(settings.data_dir / "faust"),
        web_enabled=False,
        web_tables_enabled=False,
        canonical_url=_address(settings),
        topic_disable_leader=True,
        # `prepare_topics` has created all topics, so a worker needs no permission to create any.
        topic_allow_declare=False,
        topic_partitions=settings.partitions,
        topic_replication_factor=settings.replication_factor,
        table_standby_replicas=0,
        ConsumerScheduler=BatchScheduler,
        # Counted in batches. Faust stops fetching a partition when the buffer is four fifths full. The last fifth must
        # take the records of one more poll. Otherwise the learner's samples wait behind inputs that wait for a model.
        stream_buffer_maxsize=5 * (MAX_POLL_RECORDS // batch_records() + len(TOPICS) * settings.partitions),
        stream_wait_empty=False,
        consumer_auto_offset_reset="earliest",
        # The embedded broker makes static members wait for one another, and moves partitions all the same.
        consumer_group_instance_id=None if broker.embedded else settings.instance_id,
        broker_max_poll_records=MAX_POLL_RECORDS,
        broker_commit_interval=1.0,
        broker_session_timeout=session_s,
        broker_rebalance_timeout=session_s if broker.embedded else 60.0,
        broker_heartbeat_interval=session_s / 6,
        broker_request_timeout=max(60.0, session_s + 10),
        producer_linger=0.0,
        # By default, a broker accepts batches of at most 1 MB.
        producer_max_batch_size=900_000,
        producer_max_request_size=16_000_000,
        producer_request_timeout=60.0,
        producer_compression_type=broker.codec,
        worker_redirect_stdouts=False,
        agent_supervisor=CrashingSupervisor,
    )


def _credentials(security: Security) -> CredentialsT | None:
    """Return the security settings of every other client in Faust's form."""
    context = security.context()
    if security.sasl:
        # With a context these mean SASL_SSL, without one SASL_PLAINTEXT.
        return faust.SASLCredentials(
            username=security.username, password=security.password, mechanism=security.mechanism, ssl_context=context
        )
    return None if context is None else faust.SSLCredentials(context)


def _address(settings: Settings) -> str:
    """Return the URL by which Faust tells members apart. A static member must keep it when its port changes."""
    if settings.instance_id is not None:
        return f"http://{settings.instance_id}"
    return f"http://{settings.worker_http_host}:{settings.worker_http_port or 6066}"
