"""Prints current segments of customers from Redis: python examples/read_segments.py URL CUSTOMER..."""

from __future__ import annotations

import argparse
import sys

from stream_seg.cache import CacheUnavailable, SegmentClient


def main(options: argparse.Namespace) -> int:
    """Read all customers in one round trip. Return the exit status."""
    with SegmentClient.from_url(options.url, options.prefix) as client:
        try:
            found = client.get_many(options.customers)
        except CacheUnavailable as error:
            print(f"use your default instead: {error}", file=sys.stderr)
            return 1
        for customer_id, customer in found.items():
            if customer is None:
                print(f"{customer_id}: in no segment yet")
                continue
            for dimension, current in customer.segments.items():
                print(f"{customer_id}: {dimension} {current.segment} {current.name!r} since {current.since}")
    return 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url", help="redis://host:port/database")
    parser.add_argument("customers", nargs="+", help="customer ids")
    parser.add_argument("--prefix", default="seg", help="your REDIS_PREFIX")
    sys.exit(main(parser.parse_args()))
