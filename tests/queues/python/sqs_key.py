"""Makes a user who may use all queues, and prints its key: sqs_key.py ENDPOINT

The emulator looks at signatures from its fourth call on, if it was started so: these are the three before.
"""

import json
import sys

import aws

iam = aws.client(sys.argv[1], "iam")
allow = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sqs:*", "Resource": "*"}]}
iam.create_user(UserName="leadhook")
iam.put_user_policy(UserName="leadhook", PolicyName="queues", PolicyDocument=json.dumps(allow))
key = iam.create_access_key(UserName="leadhook")["AccessKey"]
print(key["AccessKeyId"], key["SecretAccessKey"])
