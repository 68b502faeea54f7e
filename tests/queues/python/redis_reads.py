"""Reads a stream of Redis from its first entry on, for ever: redis_reads.py URL STREAM"""

import sys
import time

import redis
from told import tell

url, stream = sys.argv[1:]
client = redis.from_url(url)
last = "0"
while True:
    try:
        came = client.xread({stream: last}, count=200, block=1000)
    except redis.ConnectionError:
        time.sleep(0.2)  # the server is away
        continue
    for last, fields in (entry for _, entries in came or [] for entry in entries):
        fields = {name.decode(): value for name, value in fields.items()}
        body = fields.pop("body")
        tell(body, {name: value.decode() for name, value in fields.items()})
