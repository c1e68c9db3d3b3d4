"""Prints current segments of customers, read at once: python examples/read_segments_async.py URL CUSTOMER..."""

from __future__ import annotations

import argparse
import asyncio

from stream_seg.cache import AsyncSegmentClient


async def main(options: argparse.Namespace) -> None:
    """Share one client between tasks, as a web service does between requests."""
    async with AsyncSegmentClient.from_url(options.url, options.prefix) as client:
        found = await asyncio.gather(*(client.get(customer_id) for customer_id in options.customers))
        for customer_id, customer in zip(options.customers, found, strict=True):
            segments = {} if customer is None else customer.segments
            print(f"{customer_id}: {({d: each.segment for d, each in segments.items()}) or 'in no segment yet'}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url", help="redis://host:port/database")
    parser.add_argument("customers", nargs="+", help="customer ids")
    parser.add_argument("--prefix", default="seg", help="your REDIS_PREFIX")
    asyncio.run(main(parser.parse_args()))
