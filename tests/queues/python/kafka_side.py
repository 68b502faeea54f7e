"""Kafka's other side.

consume ADDRESS TOPIC: tells of each message, for as long as it runs, across the server's restarts.
create ADDRESS TOPIC PARTITIONS [LARGEST]: makes a topic, which takes messages up to this size.
deny ADDRESS USER TOPIC: lets a user do all with a topic but write to it.
topics ADDRESS: prints the names of all there are.
"""

import json
import sys

from kafka import KafkaConsumer
from kafka.admin import ACL, ACLOperation, ACLPermissionType, KafkaAdminClient, NewTopic, ResourcePattern, ResourceType

from told import tell


def consume(address, topic):
    consumer = KafkaConsumer(
        topic,
        bootstrap_servers=address,
        group_id=None,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        reconnect_backoff_max_ms=500,
    )
    for record in consumer:
        headers = {name: value.decode() for name, value in record.headers}
        assert headers["content-type"] == "application/json", headers
        assert record.key.decode() == str(json.loads(record.value)["data"]["weclever_lead_id"]), record.key
        tell(record.value, headers)


def create(address, topic, partitions, largest="1000000"):
    admin = KafkaAdminClient(bootstrap_servers=address)
    configs = {"max.message.bytes": largest}
    admin.create_topics([NewTopic(topic, int(partitions), 1, topic_configs=configs)])


def deny(address, user, topic):
    pattern = ResourcePattern(ResourceType.TOPIC, topic)
    acls = [
        ACL(f"User:{user}", "*", ACLOperation.ALL, ACLPermissionType.ALLOW, pattern),
        ACL(f"User:{user}", "*", ACLOperation.WRITE, ACLPermissionType.DENY, pattern),
    ]
    KafkaAdminClient(bootstrap_servers=address).create_acls(acls)


def topics(address):
    print(json.dumps(sorted(KafkaConsumer(bootstrap_servers=address).topics())))


{"consume": consume, "create": create, "deny": deny, "topics": topics}[sys.argv[1]](*sys.argv[2:])
