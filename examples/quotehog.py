"""Creates the private offer of an opportunity, as a program such as QuoteHog does.

Set OFFERFLOW_URL and OFFERFLOW_KEY, and run: python quotehog.py 006… "110000.00 USD"
"""

import os
import sys
import time
import uuid

import httpx

opportunity, price = sys.argv[1:3]
headers = {"Authorization": f"Bearer {os.environ['OFFERFLOW_KEY']}"}
with httpx.Client(base_url=os.environ["OFFERFLOW_URL"], headers=headers, timeout=30) as api:
    answer = api.post(
        "/api/v1/offers",
        json={"opportunity": opportunity, "terms": {"price": price}},
        headers={"Idempotency-Key": str(uuid.uuid5(uuid.NAMESPACE_OID, opportunity + price))},
    )
    while answer.status_code == 202 or (answer.is_success and answer.json()["stage"] == "draft"):
        time.sleep(1)  # it is being checked; or somebody must approve or correct it
        answer = api.get(answer.headers.get("Location") or answer.json()["url"])
        if answer.is_success and (waiting := answer.json()["attentions"]):
            sys.exit(f"{answer.json()['url']}: {waiting[0]['problem']}. {waiting[0]['remedy']}.")
    if answer.is_error:
        sys.exit(f"{answer.json()['detail']}. {answer.json()['remedy'] or ''}")
    print(answer.json()["url"], answer.json()["stage"])
