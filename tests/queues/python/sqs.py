"""Receives from a queue of SQS for ever, and tells of each message before it is deleted."""

import sys

import aws
from told import tell

sqs, queue = aws.client(sys.argv[1]), sys.argv[2]

while True:
    try:
        received = sqs.receive_message(
            QueueUrl=queue, MaxNumberOfMessages=10, WaitTimeSeconds=1, MessageAttributeNames=["All"]
        )
        messages = received.get("Messages", [])
        for message in messages:
            attributes = message["MessageAttributes"]
            tell(message["Body"], {name: attribute["StringValue"] for name, attribute in attributes.items()})
        if messages:
            done = [{"Id": message["MessageId"], "ReceiptHandle": message["ReceiptHandle"]} for message in messages]
            sqs.delete_message_batch(QueueUrl=queue, Entries=done)
    except aws.AWAY:
        aws.rest()
