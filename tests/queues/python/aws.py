"""The client of AWS's own for the emulator. Its key comes by the environment, as boto3 wants it."""

import time

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError, ConnectionClosedError, EndpointConnectionError, HTTPClientError

# The emulator is not there, or has forgotten its queues.
AWAY = (ClientError, ConnectionClosedError, EndpointConnectionError, HTTPClientError)


def client(endpoint, service="sqs"):
    once = Config(retries={"total_max_attempts": 1}, read_timeout=10)
    return boto3.client(service, endpoint_url=endpoint, config=once, region_name="sa-east-1")


def rest():
    time.sleep(0.05)
