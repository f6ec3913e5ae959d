// Prints touchpoints and deliveries as JSON lines, up to where the topics end now.

const path = require("node:path");
const { CompressionCodecs, CompressionTypes, Kafka, logLevel } = require("kafkajs");
const lz4 = require("lz4js");
const protobuf = require("protobufjs");

// kafkajs itself knows gzip only.
CompressionCodecs[CompressionTypes.LZ4] = () => ({
  compress: async ({ buffer }) => Buffer.from(lz4.compress(buffer)),
  decompress: async (buffer) => Buffer.from(lz4.decompress(buffer)),
});

const prefix = process.env.TOPIC_PREFIX ?? "";
const topics = [`${prefix}afterglow.touchpoints.v1`, `${prefix}afterglow.deliveries.v1`];
const kafka = new Kafka({ brokers: process.env.BROKERS.split(","), logLevel: logLevel.ERROR });

const contract = new protobuf.Root();
contract.resolvePath = (_, file) => path.join(process.env.PROTO, file);
contract.loadSync(["touchpoints", "deliveries"].map((name) => `afterglow/events/v1/${name}.proto`));

function dataOf(value, headers) {
  if (headers["content-type"] === "application/json") return JSON.parse(value);
  const type = contract.lookupType(headers.ce_dataschema);
  return type.toObject(type.decode(value), { enums: String, longs: String });
}

async function newest() {
  const admin = kafka.admin();
  await admin.connect();
  const unread = new Map();
  for (const topic of topics) {
    for (const { partition, low, high } of await admin.fetchTopicOffsets(topic)) {
      if (low !== high) unread.set(`${topic}/${partition}`, BigInt(high) - 1n);
    }
  }
  await admin.disconnect();
  return unread;
}

async function main() {
  const unread = await newest();
  const consumer = kafka.consumer({ groupId: `${prefix}my-node-service` });
  await consumer.connect();
  await consumer.subscribe({ topics, fromBeginning: true });
  const seen = new Set(); // a service keeps the ids in its database, in the transaction of the effect
  await new Promise((resolve, reject) => {
    consumer.on(consumer.events.CRASH, ({ payload }) => reject(payload.error));
    const eachMessage = async ({ topic, partition, message }) => {
      const { key, offset, value } = message;
      const headers = Object.fromEntries(Object.entries(message.headers).map(([name, bytes]) => [name, `${bytes}`]));
      if (!seen.has(headers.ce_id)) {
        seen.add(headers.ce_id);
        const line = { topic, partition, offset: Number(offset), key: `${key}`, headers };
        console.log(JSON.stringify({ ...line, data: dataOf(value, headers) }));
      }
      const place = `${topic}/${partition}`;
      if (unread.has(place) && BigInt(offset) >= unread.get(place)) unread.delete(place);
      if (unread.size === 0) resolve();
    };
    consumer.run({ eachMessage }).catch(reject);
  });
  await consumer.disconnect();
}

main();
