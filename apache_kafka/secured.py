"""Listeners with TLS, client certificates and logins, and permissions, for a node that tests connect to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from stream_seg.embedded.process import HOST, free_port

ADMIN: Final = "admin"
SCRAM: Final = ("SCRAM-SHA-256", "SCRAM-SHA-512")
_PLAIN_MODULE: Final = "org.apache.kafka.common.security.plain.PlainLoginModule"
_SCRAM_MODULE: Final = "org.apache.kafka.common.security.scram.ScramLoginModule"


@dataclass(frozen=True)
class Secured:
    """The PEM files and the users with passwords of a secured node.

    `keystore` holds the node's key and certificate chain. `truststore` holds the authorities that may sign client
    certificates. The user `admin`, clients without a login, and every client certificate may do everything. Other
    users need grants.

    `ports` has four listeners: `TLS`, `MUTUAL` (TLS with a client certificate), `LOGIN` (without TLS, SCRAM-SHA-512)
    and `LOGIN_TLS`.
    """

    keystore: Path
    truststore: Path
    users: Mapping[str, str]
    ports: Mapping[str, int] = field(
        default_factory=lambda: {name: free_port() for name in ("TLS", "MUTUAL", "LOGIN", "LOGIN_TLS")}
    )

    def address(self, listener: str) -> str:
        """Return `host:port` of a listener."""
        return f"{HOST}:{self.ports[listener]}"

    def listeners(self) -> str:
        """Return the text that follows the node's own listeners."""
        return "".join(f",{name}://{self.address(name)}" for name in self.ports)

    def protocols(self) -> str:
        """Return the text that follows in the map of security protocols."""
        return ",TLS:SSL,MUTUAL:SSL,LOGIN:SASL_PLAINTEXT,LOGIN_TLS:SASL_SSL"

    def scram_users(self) -> list[str]:
        """Return arguments of Kafka's `format`, which stores the users of SCRAM."""
        completed = (
            f"{mechanism}=[name={name},password={password}]"
            for name, password in self.users.items()
            for mechanism in SCRAM
        )
        return [argument for user in completed for argument in ("--add-scram", user)]

    def properties(self) -> str:
        """Return further lines of `server.properties`."""
        plain = " ".join(f'user_{name}="{password}"' for name, password in self.users.items())
        lines = [
            "ssl.keystore.type=PEM",
            f"ssl.keystore.location={self.keystore}",
            "ssl.truststore.type=PEM",
            f"ssl.truststore.location={self.truststore}",
            "listener.name.mutual.ssl.client.auth=required",
            f"ssl.principal.mapping.rules=RULE:^.*$/{ADMIN}/",
            "authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer",
            f"super.users=User:ANONYMOUS;User:{ADMIN}",
            f"listener.name.login.sasl.enabled.mechanisms=PLAIN,{SCRAM[0]}",
            f"listener.name.login_tls.sasl.enabled.mechanisms=PLAIN,{','.join(SCRAM)}",
        ]
        for listener in ("login", "login_tls"):
            lines.append(f"listener.name.{listener}.plain.sasl.jaas.config={_PLAIN_MODULE} required {plain};")
            lines += (
                f"listener.name.{listener}.{name.lower()}.sasl.jaas.config={_SCRAM_MODULE} required;" for name in SCRAM
            )
        return "\n".join(lines) + "\n"
