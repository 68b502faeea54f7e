"""Reads a stream of JetStream from its first message on, for ever: nats_reads.py URL STREAM"""

import asyncio
import sys

import nats
from nats.errors import Error
from told import tell


async def main(url, stream):
    client = await nats.connect(url, max_reconnect_attempts=-1, reconnect_time_wait=0.2)
    consumer = await client.jetstream().pull_subscribe("", durable="reader", stream=stream)
    last = 0
    while True:
        try:
            messages = await consumer.fetch(200, timeout=1)
        except (Error, asyncio.TimeoutError):
            continue  # nothing came, or the server is away
        for message in messages:
            # What was acknowledged in vain is sent again by the server; it is no other message of the stream.
            if message.metadata.sequence.stream > last:
                last = message.metadata.sequence.stream
                tell(message.data, message.headers)
            await message.ack()


asyncio.run(main(*sys.argv[1:]))
