// Tells Afterglow that somebody wants no more mail: unsubscribe.js CUSTOMER ADDRESS ID.
// CUSTOMER is tenant/account. Saying it again under the same ID is saying it once.

const { createHmac } = require("node:crypto");
const { Kafka, logLevel } = require("kafkajs");

function addressHmac(key, tenant, address) {
  const hmac = createHmac("sha256", key);
  for (const part of ["address", tenant, address.trim().toLowerCase()]) {
    const length = Buffer.alloc(8);
    length.writeBigUInt64BE(BigInt(Buffer.byteLength(part)));
    hmac.update(length).update(part);
  }
  return hmac.digest("base64");
}

async function main() {
  const [customer, address, id] = process.argv.slice(2);
  const tenant = customer.split("/")[0];
  const now = new Date().toISOString();
  const unsubscribed = {
    addressHmac: addressHmac(process.env.SUPPRESSION_KEY, tenant, address),
    method: "portal",
  };
  const kafka = new Kafka({ brokers: process.env.BROKERS.split(","), logLevel: logLevel.ERROR });
  const producer = kafka.producer({ idempotent: true });
  await producer.connect();
  const headers = {
    ce_specversion: "1.0",
    ce_id: id,
    ce_source: "/portal",
    ce_type: "afterglow.signal.v1",
    ce_time: now,
    ce_subject: customer,
    ce_tenant: tenant,
    "content-type": "application/json",
  };
  const [told] = await producer.send({
    topic: `${process.env.TOPIC_PREFIX ?? ""}afterglow.signals.v1`,
    messages: [{ key: customer, value: JSON.stringify({ occurredAt: now, unsubscribed }), headers }],
  });
  console.log(JSON.stringify({ partition: told.partition, offset: Number(told.baseOffset) }));
  await producer.disconnect();
}

main();
