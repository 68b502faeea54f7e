"""What every consumer does with a message: verify it with the official library, and say in one line what it was."""

import json
import os

from standardwebhooks import Webhook, WebhookVerificationError

webhook = Webhook(os.environ["LEADHOOK_SECRET"])


def tell(body, headers):
    """`headers`: webhook-id, webhook-timestamp and webhook-signature, from wherever the queue carries them."""
    try:
        webhook.verify(body, headers)
        verified = True
    except WebhookVerificationError:
        verified = False
    data = json.loads(body)["data"]
    message = {"id": headers["webhook-id"], "lead": data["weclever_lead_id"], "revision": data["revision"], "verified": verified}
    print(json.dumps(message), flush=True)
