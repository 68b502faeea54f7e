"""Makes a queue, and prints its URL: sqs_queue.py ENDPOINT NAME [ATTRIBUTE=VALUE ...]"""

import sys

import aws

endpoint, name, *attributes = sys.argv[1:]
made = aws.client(endpoint).create_queue(QueueName=name, Attributes=dict(pair.split("=", 1) for pair in attributes))
print(made["QueueUrl"])
