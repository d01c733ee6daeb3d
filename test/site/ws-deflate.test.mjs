// SPDX-License-Identifier: Apache-2.0
//
// RFC 7692 against build/ws-echo: which offers are agreed on, what compressed
// messages may look like, and the load of Autobahn's groups 12 and 13: for 12
// kinds of data and offers a thousand messages in each of 18 sizes. Five of each
// run here, all of them with CONFORMANCE=full (half an hour).

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import zlib from 'node:zlib';
import WebSocket from 'ws';
import {
  BINARY, CONTINUATION, PING, PONG, TEXT, UPGRADE,
  answer, closing, connect, frame, handshake, open, startEcho,
} from './lib/wire.mjs';

const full = process.env.CONFORMANCE === 'full';
const port = await startEcho();

const RSV1 = 4;
const AGREED = 'permessage-deflate; server_no_context_takeover; client_no_context_takeover';

/** A message as a client packs it: flushed, and the end of that taken off. */
function pack(data, options = {}) {
  const packed = zlib.deflateRawSync(data, { finishFlush: zlib.constants.Z_SYNC_FLUSH, ...options });
  return packed.subarray(0, packed.length - 4);
}

const unpack = (data, windowBits = 15) => zlib.inflateRawSync(
  Buffer.concat([data, Buffer.of(0, 0, 0xff, 0xff)]), { finishFlush: zlib.constants.Z_SYNC_FLUSH, windowBits });

/** A connection on which compression was agreed. */
async function deflated(offer = 'permessage-deflate') {
  const peer = await open({ ...UPGRADE, 'Sec-WebSocket-Extensions': offer });
  assert.match(peer.head, /\r\nSec-WebSocket-Extensions: permessage-deflate;/);
  return Object.assign(peer, { deflate: true });
}

/** The next message, unpacked with a window of so many bits. */
async function heard(peer, windowBits) {
  const f = await peer.frame();
  return { ...f, data: f.rsv1 ? unpack(f.payload, windowBits) : f.payload };
}

async function echoed(peer, opcode, data, windowBits) {
  const f = await heard(peer, windowBits);
  assert.deepEqual([f.fin, f.opcode, f.data.length], [1, opcode, data.length]);
  assert.ok(f.data.equals(Buffer.from(data)), 'the message is the same');
  return f;
}

async function each(cases, run) {
  for (const [name, ...args] of cases) {
    const peer = await deflated();
    try {
      await run(peer, ...args);
    } catch (e) {
      e.message = `${name}: ${e.message}`;
      throw e;
    } finally {
      peer.socket.destroy();
    }
  }
}

// --- agreeing ------------------------------------------------------------------

test('the first offer that can be kept is agreed on', async () => {
  for (const [offer, agreed] of [
    [undefined, undefined],
    ['permessage-deflate', AGREED],
    ['permessage-deflate; client_max_window_bits', AGREED],
    ['permessage-deflate; client_max_window_bits=10; client_no_context_takeover', AGREED],
    ['permessage-deflate; server_max_window_bits=9', `${AGREED}; server_max_window_bits=9`],
    ['permessage-deflate; server_max_window_bits="15"', `${AGREED}; server_max_window_bits=15`],
    ['permessage-deflate; server_max_window_bits=7, permessage-deflate', AGREED],
    ['permessage-deflate; server_max_window_bits=8, permessage-deflate', `${AGREED}; server_max_window_bits=8`],
    [['x-other; a="b"', 'permessage-deflate; server_max_window_bits=12', 'permessage-deflate'], `${AGREED}; server_max_window_bits=12`],
    ['permessage-deflate; unheard-of', undefined],
    ['permessage-deflate; server_max_window_bits=16', undefined],
    ['permessage-deflate; server_no_context_takeover=1', undefined],
    ['permessage-bzip2', undefined],
  ]) {
    const peer = await open({ ...UPGRADE, 'Sec-WebSocket-Extensions': offer });
    assert.equal(peer.head.match(/\r\nSec-WebSocket-Extensions: (.*)\r\n/)?.[1], agreed, String(offer));
    peer.socket.destroy();
  }
});

test('a header that breaks the grammar is refused with 400', async () => {
  for (const header of ['', ';', 'permessage-deflate;', 'permessage-deflate; a="b', 'permessage-deflate a',
    ['permessage-deflate', 'a=b']]) {
    const peer = await connect();
    peer.send(handshake({ ...UPGRADE, 'Sec-WebSocket-Extensions': header }));
    assert.equal((await answer(peer)).status, 400, String(header));
    peer.socket.destroy();
  }
});

// --- messages --------------------------------------------------------------------

const hello = Buffer.from('f248cdc9c90700', 'hex');

test('a compressed message is understood however it was packed and cut', () =>
  each([
    ['one block', hello, 'Hello'],
    ['not compressed inside', Buffer.from('000500faff48656c6c6f00', 'hex'), 'Hello'],
    ['a final block', Buffer.from('f348cdc9c9070000', 'hex'), 'Hello'],
    ['a final block and nothing behind', Buffer.from('f348cdc9c90700', 'hex'), 'Hello'],
    ['two blocks', Buffer.from('f24805000000ffffcac9c90700', 'hex'), 'Hello'],
    ['an empty message', Buffer.of(0), ''],
    ['an empty message of no bytes', Buffer.alloc(0), ''],
    ['a long one', pack('Hello '.repeat(50000)), 'Hello '.repeat(50000)],
    ['a window of 512 bytes', pack('Hello '.repeat(5000), { windowBits: 9 }), 'Hello '.repeat(5000)],
  ], async (peer, packed, text) => {
    for (const opcode of [TEXT, BINARY]) {
      peer.send(frame(opcode, packed, { rsv: RSV1 }));
      await echoed(peer, opcode, Buffer.from(text));
      peer.send(frame(opcode, '', { rsv: RSV1, fin: false }));
      for (const byte of packed) {
        peer.send(frame(CONTINUATION, Buffer.of(byte), { fin: false }), frame(PING, 'between'), frame(PONG));
      }
      peer.send(frame(CONTINUATION));
      for (let i = 0; i < packed.length; i++) {
        const f = await peer.frame();
        assert.deepEqual([f.opcode, f.rsv1, String(f.payload)], [PONG, 0, 'between']);
      }
      await echoed(peer, opcode, Buffer.from(text));
    }
    await peer.drip(frame(TEXT, packed.subarray(0, 1000), { rsv: RSV1, fin: false }));
    peer.send(frame(CONTINUATION, packed.subarray(1000)));
    await echoed(peer, TEXT, Buffer.from(text));
    peer.send(closing(1000));
    await peer.closes(1000);
  }));

test('messages may come compressed and not, in turn', () =>
  each([['text', TEXT], ['binary', BINARY]], async (peer, opcode) => {
    const data = Buffer.from('some words, and some words again. '.repeat(100));
    for (let i = 0; i < 10; i++) {
      peer.send(i % 2 ? frame(opcode, data) : frame(opcode, pack(data), { rsv: RSV1 }));
      await echoed(peer, opcode, data);
    }
  }));

test('an answer is compressed when that makes it shorter', async () => {
  const peer = await deflated();
  for (const [data, rsv1] of [
    [Buffer.alloc(127, 'x'), 0], [Buffer.alloc(128, 'x'), 1], [Buffer.alloc(100000, 'x'), 1], [randomBytes(1000), 0],
  ]) {
    peer.send(frame(BINARY, data));
    const f = await echoed(peer, BINARY, data);
    assert.equal(f.rsv1, rsv1, `${data.length} bytes`);
    assert.ok(f.payload.length <= data.length);
  }
  peer.socket.destroy();
});

test('no message leans on the one before it', async () => {
  const peer = await deflated();
  const data = Buffer.from(JSON.stringify(Array.from({ length: 50 }, (_, i) => ({ id: i, name: `name ${i * i}` }))));
  const lengths = new Set();
  for (let i = 0; i < 5; i++) {
    peer.send(frame(BINARY, pack(data), { rsv: RSV1 }));
    lengths.add((await echoed(peer, BINARY, data)).payload.length);
  }
  assert.equal(lengths.size, 1);
  // What a client with context takeover would say: a look back at the last message.
  peer.send(frame(TEXT, hello, { rsv: RSV1 }), frame(TEXT, Buffer.from('f200110000', 'hex'), { rsv: RSV1 }));
  await echoed(peer, TEXT, Buffer.from('Hello'));
  await peer.closes(1007);
});

// --- mistakes --------------------------------------------------------------------

test('RSV1 stands on the first frame of a message and nowhere else', async () => {
  await each([
    ['continuation', [frame(TEXT, hello.subarray(0, 3), { rsv: RSV1, fin: false }), frame(CONTINUATION, hello.subarray(3), { rsv: RSV1 })]],
    ['continuation only', [frame(TEXT, 'a', { fin: false }), frame(CONTINUATION, hello, { rsv: RSV1 })]],
    ['ping', [frame(PING, '', { rsv: RSV1 })]],
    ['pong', [frame(PONG, '', { rsv: RSV1 })]],
    ['close', [frame(8, '', { rsv: RSV1 })]],
    ['RSV2 beside it', [frame(TEXT, hello, { rsv: RSV1 | 2 })]],
    ['RSV3 alone', [frame(TEXT, 'a', { rsv: 1 })]],
  ], async (peer, frames) => {
    peer.send(frame(TEXT, 'before'), ...frames, frame(PING, 'ignored'));
    await echoed(peer, TEXT, Buffer.from('before'));
    await peer.closes(1002);
  });
  const plain = await open();
  plain.send(frame(TEXT, hello, { rsv: RSV1 }));
  await plain.closes(1002);
});

test('data that cannot be unpacked is refused with 1007, and disturbs nobody', async () => {
  const healthy = await deflated();
  await each([
    ['a wrong block type', Buffer.of(6)],
    ['lengths that differ', Buffer.from('0005000000', 'hex')],
    ['a look back before the start', Buffer.from('020600', 'hex')],
    ['cut off', hello.subarray(0, 3)],
    ['its end left on', Buffer.from('000000ffff', 'hex')],
    ['nonsense', Buffer.alloc(1000, 0xff)],
    ['nonsense after a good start', Buffer.concat([pack('x'.repeat(70000)), Buffer.alloc(10, 0xff)])],
  ], async (peer, packed) => {
    peer.send(frame(BINARY, packed, { rsv: RSV1 }));
    await peer.closes(1007);
    healthy.send(frame(TEXT, hello, { rsv: RSV1 }));
    await echoed(healthy, TEXT, Buffer.from('Hello'));
  });
  healthy.socket.destroy();
});

test('compressed text that is not UTF-8 is refused with 1007', () =>
  each([
    ['at once', Buffer.of(0xff)], ['late', Buffer.concat([Buffer.alloc(70000, 'x'), Buffer.of(0xc0)])],
    ['cut at the end', Buffer.from('€').subarray(0, 2)], ['surrogate', Buffer.from('eda080', 'hex')],
  ], async (peer, text) => {
    peer.send(frame(BINARY, pack(text), { rsv: RSV1 }));
    await echoed(peer, BINARY, text);
    peer.send(frame(TEXT, pack(text), { rsv: RSV1 }));
    await peer.closes(1007);
  }));

test('what unpacks to more than the limit is refused with 1009', () =>
  each([['64 MB and a byte, in 65 kB', 0], ['in fragments', 1]], async (peer, fragmented) => {
    const packed = pack(Buffer.alloc((64 << 20) + 1));
    assert.ok(packed.length < 100000);
    peer.send(...(fragmented ? [frame(BINARY, packed.subarray(0, 9), { rsv: RSV1, fin: false }), frame(CONTINUATION, packed.subarray(9))]
      : [frame(BINARY, packed, { rsv: RSV1 })]));
    await peer.closes(1009);
  }));

// --- 12 and 13: load -----------------------------------------------------------------

/** Pieces of a vocabulary in a fixed, irregular order. */
function words(list, bytes, join) {
  let seed = 7;
  let out = '';
  while (out.length < bytes) {
    seed = (seed * 1103515245 + 12345) % 2147483648;
    out += list[(seed >> 8) % list.length] + join(seed);
  }
  return Buffer.from(out);
}

const verse = 'habe nun ach Philosophie Juristerei und Medizin und leider auch Theologie durchaus studiert mit heißem Bemühn da steh ich nun'.split(' ');
const members = ['"id"', '"name"', '"active"', '"balance"', '"tags"', '"friends"', '"about"', '"registered"', '"latitude"'];
const tags = ['<p>', '</p>', '<div class="row">', '</div>', '<a href="/page">', '</a>', 'text', 'more text', '<br/>'];
const SET = 400000; // bytes of each
/** As Autobahn's: a play, a picture, a PDF, JSON, HTML. */
const sets = {
  'a play': [BINARY, words(verse, SET, (n) => (n % 11 ? ' ' : '.\n'))],
  'a picture': [BINARY, Buffer.from(Array.from({ length: SET }, (_, i) => (Math.sin(i / 40) * 60 + Math.sin(i / 900) * 60 + 128 + (i * i) % 7) & 255))],
  'a document packed already': [BINARY, randomBytes(SET)],
  json: [TEXT, words(members, SET, (n) => `: ${n % 977},\n  `)],
  html: [TEXT, words(tags, SET, (n) => (n % 5 ? '' : '\n    '))],
};

/** Length of a message, and of its fragments (0: one frame). */
const sizes = [[16], [64], [256], [1024], [4096], [8192], [16384], [32768], [65536], [131072],
  [8192, 256], [16384, 256], [32768, 256], [65536, 256], [131072, 256], [131072, 1024], [131072, 4096], [131072, 32768]];
const count = full ? 1000 : 5;

/** Message after message, each a further piece of the data. */
async function load(peer, [opcode, data], [length, size = Infinity], { server = 15, client = 15 } = {}) {
  let at = 0;
  for (let i = 0; i < count; i++) {
    at = at + length > data.length ? 0 : at;
    const message = data.subarray(at, at += length);
    const packed = pack(message, { windowBits: client });
    const frames = [];
    for (let from = 0; from === 0 || from < packed.length; from += size) {
      frames.push(frame(from === 0 ? opcode : CONTINUATION, packed.subarray(from, from + size),
        { fin: from + size >= packed.length, rsv: from === 0 ? RSV1 : 0 }));
    }
    peer.send(...frames);
    await echoed(peer, opcode, message, server);
  }
}

async function loads(offer, set, windows) {
  for (const size of sizes) {
    const peer = await deflated(offer);
    await load(peer, set, size, windows);
    peer.send(closing(1000));
    await peer.closes(1000);
  }
}

for (const [name, set] of Object.entries(sets)) {
  test(`${name}: ${count} messages of each size come back`, () => loads('permessage-deflate', set));
}

for (const [offer, windows] of [
  ['permessage-deflate', {}],
  ['permessage-deflate; server_no_context_takeover; client_no_context_takeover; client_max_window_bits', {}],
  ['permessage-deflate; server_max_window_bits=8', { server: 8 }],
  ['permessage-deflate; server_max_window_bits=9', { server: 9 }],
  ['permessage-deflate; server_max_window_bits=11; client_max_window_bits=10', { server: 11, client: 10 }],
  ['permessage-deflate; server_max_window_bits=15', {}],
  ['permessage-deflate; server_no_context_takeover; server_max_window_bits=9', { server: 9 }],
  ['permessage-deflate; server_no_context_takeover; server_max_window_bits=15', {}],
  ['permessage-deflate; server_no_context_takeover; server_max_window_bits=9, permessage-deflate; server_no_context_takeover, permessage-deflate', { server: 9 }],
]) {
  test(`${offer}: ${count} messages of each size come back`, () => loads(offer, sets.json, windows));
}

// --- a real client ---------------------------------------------------------------------

test('the ws package is understood with every option it has', async () => {
  for (const options of [true, { threshold: 0 }, { threshold: 0, serverMaxWindowBits: 10 }, { threshold: 0, clientMaxWindowBits: 9 },
    { threshold: 0, serverNoContextTakeover: true, clientNoContextTakeover: true, zlibDeflateOptions: { level: 9 } }]) {
    const ws = new WebSocket(`ws://127.0.0.1:${port}/`, { perMessageDeflate: options });
    const got = [];
    const closed = new Promise((done) => ws.on('close', done));
    await new Promise((done, failed) => ws.on('open', done).on('error', failed));
    assert.equal(ws.extensions, 'permessage-deflate');
    const sent = ['', 'hello', 'é'.repeat(1000), sets.json[1].subarray(0, 300000).toString(), sets['a play'][1], randomBytes(5000)];
    ws.on('message', (data, binary) => {
      got.push(binary ? data : data.toString());
      if (got.length === sent.length) {
        ws.close(1000);
      }
    });
    sent.forEach((m) => ws.send(m));
    assert.equal(await closed, 1000);
    assert.deepEqual(got, sent);
  }
});

test('answers to a reader that pauses wait compressed, in order, and are all there', async () => {
  const peer = await deflated();
  const messages = Array.from({ length: 300 }, (_, i) => Buffer.concat([randomBytes(9000), Buffer.alloc(30000, `message ${i} `)]));
  peer.socket.pause();
  for (const m of messages) {
    peer.send(frame(BINARY, m));
  }
  peer.send(closing(1000));
  await new Promise((done) => setTimeout(done, 200));
  peer.socket.resume();
  for (const m of messages) {
    assert.equal((await echoed(peer, BINARY, m)).rsv1, 1);
  }
  await peer.closes(1000);
});
