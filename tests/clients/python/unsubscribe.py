"""Tells Afterglow that somebody wants no more mail: unsubscribe.py CUSTOMER ADDRESS ID.

CUSTOMER is tenant/account. Saying it again under the same ID is saying it once.
"""

import hmac
import json
import os
import sys
from datetime import datetime, timezone

from confluent_kafka import KafkaException, Producer

from afterglow.events.v1 import signals_pb2


def address_hmac(key, tenant, address):
    parts = [b"address", tenant.encode(), address.strip().lower().encode()]
    framed = b"".join(len(part).to_bytes(8, "big") + part for part in parts)
    return hmac.digest(key, framed, "sha256")


def told(error, record):
    if error:
        raise KafkaException(error)
    print(json.dumps({"partition": record.partition(), "offset": record.offset()}))


customer, address, event_id = sys.argv[1:]
tenant = customer.split("/")[0]
now = datetime.now(timezone.utc)
signal = signals_pb2.Signal(occurred_at=now)
signal.unsubscribed.method = "newsletter"
signal.unsubscribed.address_hmac = address_hmac(os.environb[b"SUPPRESSION_KEY"], tenant, address)
producer = Producer({"bootstrap.servers": os.environ["BROKERS"], "enable.idempotence": True})
producer.produce(
    os.environ.get("TOPIC_PREFIX", "") + "afterglow.signals.v1",
    key=customer,
    value=signal.SerializeToString(),
    headers={
        "ce_specversion": "1.0",
        "ce_id": event_id,
        "ce_source": "/newsletter",
        "ce_type": "afterglow.signal.v1",
        "ce_time": now.isoformat(),
        "ce_subject": customer,
        "ce_tenant": tenant,
        "content-type": "application/protobuf",
    },
    on_delivery=told,
)
producer.flush()
