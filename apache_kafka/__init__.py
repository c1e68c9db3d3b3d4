"""Apache Kafka for tests, benchmarks and `scripts/kafka`: one node in KRaft mode, run from its jars without Docker."""
