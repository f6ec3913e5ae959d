"""Prints touchpoints and deliveries as JSON lines, each event once, until the topics end."""

import json
import os

from confluent_kafka import Consumer, KafkaError, KafkaException
from google.protobuf import json_format

from afterglow.events.v1 import deliveries_pb2, touchpoints_pb2

MESSAGES = {
    "afterglow.touchpoint.due.v1": touchpoints_pb2.TouchpointDue,
    "afterglow.touchpoint.revoked.v1": touchpoints_pb2.TouchpointRevoked,
    "afterglow.delivery.progressed.v1": deliveries_pb2.DeliveryProgressed,
    "afterglow.delivery.concluded.v1": deliveries_pb2.DeliveryConcluded,
}


def message_of(record, headers):
    message = MESSAGES[headers["ce_type"]]()
    if headers["content-type"] == "application/json":
        return json_format.Parse(record.value(), message, ignore_unknown_fields=True)
    message.ParseFromString(record.value())
    return message


prefix = os.environ.get("TOPIC_PREFIX", "")
consumer = Consumer({
    "bootstrap.servers": os.environ["BROKERS"],
    "group.id": prefix + "my-python-service",
    "auto.offset.reset": "earliest",
    "enable.auto.commit": False,
    "enable.partition.eof": True,
})
unread = set()
consumer.subscribe(
    [prefix + "afterglow.touchpoints.v1", prefix + "afterglow.deliveries.v1"],
    on_assign=lambda _, partitions: unread.update((p.topic, p.partition) for p in partitions),
)
seen = set()  # a service keeps the ids in its database, in the transaction of the effect
reading = True
while reading:
    record = consumer.poll(1.0)
    if record is None:
        continue
    if record.error():
        if record.error().code() != KafkaError._PARTITION_EOF:
            raise KafkaException(record.error())
        unread.discard((record.topic(), record.partition()))
        reading = bool(unread)
        continue
    headers = {name: value.decode() for name, value in record.headers() or []}
    if headers.get("ce_type") in MESSAGES and headers["ce_id"] not in seen:
        seen.add(headers["ce_id"])
        print(json.dumps({
            "topic": record.topic(),
            "partition": record.partition(),
            "offset": record.offset(),
            "key": record.key().decode(),
            "headers": headers,
            "data": json_format.MessageToDict(message_of(record, headers)),
        }))
    consumer.commit(record)  # only now: whoever dies before it reads the record again
consumer.close()
