"""Prints current segments of customers, read at once: python examples/read_segments_async.py URL CUSTOMER..."""

from __future__ import annotations

import argparse
import asyncio
import sys

from stream_seg.cache import AsyncSegmentClient, CacheUnavailable


async def main(options: argparse.Namespace) -> int:
    """Share one client between tasks, as a web service does between requests. Return the exit status."""
    async with AsyncSegmentClient.from_url(options.url, options.prefix) as client:
        try:
            found = await asyncio.gather(*(client.get(customer_id) for customer_id in options.customers))
        except CacheUnavailable as error:
            print(f"use your default instead: {error}", file=sys.stderr)
            return 1
        for customer_id, customer in zip(options.customers, found, strict=True):
            segments = {} if customer is None else customer.segments
            print(f"{customer_id}: {({d: each.segment for d, each in segments.items()}) or 'in no segment yet'}")
    return 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url", help="redis://host:port/database")
    parser.add_argument("customers", nargs="+", help="customer ids")
    parser.add_argument("--prefix", default="seg", help="your REDIS_PREFIX")
    sys.exit(asyncio.run(main(parser.parse_args())))
