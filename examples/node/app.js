// An application beside the sidecar: keeps the last order and the sum of each customer, each order once. No package needed.
'use strict';
const http = require('node:http');

const sums = new Map(); // customer -> sum of the totals
const next = new Map(); // topic and partition -> the offset after the last one taken

function take(record) {
  const place = `${record.topic}/${record.partition}`;
  if (record.offset < (next.get(place) ?? 0)) return true; // it came again: taken before, not counted twice
  const order = record.value;
  if (typeof order?.customer !== 'string' || typeof order?.total !== 'number') return false;
  sums.set(order.customer, (sums.get(order.customer) ?? 0) + order.total);
  next.set(place, record.offset + 1);
  return true;
}

function answer(response, document) {
  const body = JSON.stringify(document);
  response.writeHead(200, { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(body) });
  response.end(body);
}

async function serve(request, response) {
  if (request.url === '/healthz') return answer(response, { healthy: true });
  if (request.method !== 'POST') return answer(response, Object.fromEntries(sums));
  const parts = [];
  for await (const part of request) parts.push(part);
  const lines = Buffer.concat(parts).toString('utf8').split('\n').filter(Boolean);
  const refused = lines.map((line) => JSON.parse(line)).filter((record) => !take(record));
  answer(response, {
    failures: refused.map(({ topic, partition, offset }) => ({ topic, partition, offset, action: 'reject', error: 'not an order' })),
  });
}

// A request that breaks off (the sidecar was killed) took nothing and has nobody to answer; unheard, its error would end this process.
const server = http.createServer((request, response) => serve(request, response).catch(() => response.destroy()));
server.keepAliveTimeout = 60_000; // the sidecar sends batch after batch on a connection
server.listen(Number(process.env.PORT ?? 8080), process.env.HOST ?? '127.0.0.1');
process.on('SIGTERM', () => server.close(() => process.exit(0)).closeIdleConnections());
