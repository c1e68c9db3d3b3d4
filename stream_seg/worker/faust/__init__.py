"""Adapters to Faust and aiokafka."""
