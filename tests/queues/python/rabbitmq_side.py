"""RabbitMQ's other side.

consume URL QUEUE: tells of each message, for as long as it runs, across the server's restarts.
declare URL QUEUE [EXCHANGE KEY]: makes a durable queue, and binds it to a durable exchange.
"""

import sys
import time

import pika

from told import tell


def consume(url, queue):
    while True:
        try:
            channel = pika.BlockingConnection(pika.URLParameters(url)).channel()
            channel.basic_qos(prefetch_count=100)
            for method, properties, body in channel.consume(queue):
                headers = properties.headers
                assert properties.message_id == headers["webhook-id"], properties
                assert properties.delivery_mode == 2 and properties.content_type == "application/json", properties
                tell(body, headers)
                channel.basic_ack(method.delivery_tag)
        except (pika.exceptions.AMQPError, OSError):
            time.sleep(0.1)


def declare(url, queue, exchange=None, key=None):
    connection = pika.BlockingConnection(pika.URLParameters(url))
    channel = connection.channel()
    channel.queue_declare(queue, durable=True)
    if exchange:
        channel.exchange_declare(exchange, "topic", durable=True)
        channel.queue_bind(queue, exchange, key)
    connection.close()


{"consume": consume, "declare": declare}[sys.argv[1]](*sys.argv[2:])
