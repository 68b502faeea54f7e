"""Signs a request as botocore does, and prints what `Authorization` should have been.

Argument: one JSON object with method, url, headers, body (text), amz_date, access_key_id, secret_access_key,
session_token (or null), region and service. Standard output: the header.
"""

import datetime
import json
import sys
from unittest import mock

from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

asked = json.loads(sys.argv[1])
then = datetime.datetime.strptime(asked["amz_date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=datetime.timezone.utc)
credentials = Credentials(asked["access_key_id"], asked["secret_access_key"], asked["session_token"])
request = AWSRequest(asked["method"], asked["url"], headers=asked["headers"], data=asked["body"].encode())
with mock.patch("botocore.auth.get_current_datetime", return_value=then.replace(tzinfo=None)):
    signer = S3SigV4Auth if asked["service"] == "s3" else SigV4Auth
    signer(credentials, asked["service"], asked["region"]).add_auth(request)
assert request.headers["X-Amz-Date"] == asked["amz_date"], request.headers["X-Amz-Date"]
print(request.headers["Authorization"])
