// SPDX-License-Identifier: Apache-2.0
//
// RFC 6455 against build/ws-echo, which is chat-push's transport as an echo
// server: the cases that conformance suites try (Autobahn's groups 1-7, 9 and
// 10), and the handshakes that must be refused. Most cases speak through a raw
// socket; the last ones use the ws package. CONFORMANCE=full sends the large
// messages in every size and number that Autobahn has. Compression is
// ws-deflate.test.mjs.

import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { test } from 'node:test';
import WebSocket from 'ws';
import {
  BINARY, CLOSE, CONTINUATION, KEY, PING, PONG, TEXT, UPGRADE,
  answer, closing, connect, each, frame, handshake, open, sleep, startEcho,
} from './lib/wire.mjs';

const full = process.env.CONFORMANCE === 'full';
const port = await startEcho();

// --- 1: framing ----------------------------------------------------------------

const sizes = [0, 1, 125, 126, 127, 128, 65535, 65536];

test('text and binary of every length form come back', async () => {
  for (const opcode of [TEXT, BINARY]) {
    await each(sizes.map((n) => [`opcode ${opcode}, ${n} bytes`, n]), async (peer, n) => {
      const data = opcode === TEXT ? Buffer.alloc(n, '*') : randomBytes(n);
      peer.send(frame(opcode, data));
      await peer.echoes(opcode, data);
      peer.send(closing(1000));
      await peer.closes(1000);
    });
  }
});

test('how the bytes are cut into packets makes no difference', async () => {
  for (const chop of [997, 4096, 65535]) {
    const peer = await open();
    const data = Buffer.alloc(65536, 'x');
    const bytes = frame(TEXT, data);
    for (let at = 0; at < bytes.length; at += chop) {
      await new Promise((done) => peer.socket.write(bytes.subarray(at, at + chop), done));
      await sleep(1);
    }
    await peer.echoes(TEXT, data);
    peer.socket.destroy();
  }
  await each([['7 bit', 'Hello-µ@ß'], ['16 bit', 'é'.repeat(100)]], async (peer, text) => {
    await peer.drip(frame(TEXT, text));
    await peer.echoes(TEXT, Buffer.from(text));
    await peer.drip(Buffer.concat([frame(PING, 'a'), frame(TEXT, 'b', { fin: false }), frame(PING, 'c'),
      frame(CONTINUATION, ''), frame(BINARY, '')]));
    await peer.echoes(PONG, Buffer.from('a'));
    await peer.echoes(PONG, Buffer.from('c'));
    await peer.echoes(TEXT, Buffer.from('b'));
    await peer.echoes(BINARY, Buffer.alloc(0));
    await peer.drip(closing(1000, 'bye'));
    await peer.closes(1000);
  });
});

test('many messages in one packet are answered in order', async () => {
  const peer = await open();
  const texts = Array.from({ length: 3000 }, (_, i) => `message ${i}`);
  peer.send(...texts.map((t) => frame(TEXT, t)));
  for (const t of texts) {
    await peer.echoes(TEXT, Buffer.from(t));
  }
  peer.socket.destroy();
});

test('frames in the packet of the handshake are heard', async () => {
  const peer = await connect();
  peer.send(handshake(), frame(TEXT, 'early'), frame(PING, 'p'));
  assert.equal((await answer(peer)).status, 101);
  await peer.echoes(TEXT, Buffer.from('early'));
  await peer.echoes(PONG, Buffer.from('p'));
  peer.socket.destroy();
});

// --- 2: pings and pongs --------------------------------------------------------

test('a ping is answered by a pong of the same bytes', async () => {
  await each([0, 1, 5, 124, 125].map((n) => [`${n} bytes`, n]), async (peer, n) => {
    const data = randomBytes(n);
    peer.send(frame(PING, data));
    await peer.echoes(PONG, data);
    peer.send(closing(1000));
    await peer.closes(1000);
  });
});

test('a ping of 126 bytes is a protocol error', () =>
  each([['16 bit form', frame(PING, Buffer.alloc(126))]], async (peer, bytes) => {
    peer.send(bytes);
    await peer.closes(1002);
  }));

test('pongs nobody asked for are ignored', () =>
  each([['empty', ''], ['with bytes', 'unasked']], async (peer, data) => {
    peer.send(frame(PONG, data), frame(PING, 'x'));
    await peer.echoes(PONG, Buffer.from('x'));
  }));

test('ten pings in a row, whole and byte by byte, give ten pongs in order', async () => {
  for (const send of ['send', 'drip']) {
    const peer = await open();
    const pings = Array.from({ length: 10 }, (_, i) => `ping ${i}`);
    await peer[send](Buffer.concat(pings.map((p) => frame(PING, p))));
    for (const p of pings) {
      await peer.echoes(PONG, Buffer.from(p));
    }
    peer.socket.destroy();
  }
});

// --- 3 and 4: reserved bits and opcodes ------------------------------------------

test('reserved bits are a protocol error, after what came before is answered', async () => {
  for (let rsv = 1; rsv <= 7; rsv++) {
    await each([['text', TEXT], ['binary', BINARY], ['ping', PING], ['close', CLOSE]], async (peer, opcode) => {
      peer.send(frame(TEXT, 'before'), frame(opcode, '', { rsv }), frame(PING, 'ignored'));
      await peer.echoes(TEXT, Buffer.from('before'));
      await peer.closes(1002);
    });
  }
});

test('reserved opcodes are a protocol error', () =>
  each([3, 4, 5, 6, 7, 11, 12, 13, 14, 15].map((o) => [`opcode ${o}`, o]), async (peer, opcode) => {
    peer.send(frame(TEXT, 'before'), frame(opcode, 'x'), frame(PING, 'ignored'));
    await peer.echoes(TEXT, Buffer.from('before'));
    await peer.closes(1002);
  }));

test('an error shows with the byte it is in, not at the end of the frame', async () => {
  await each([
    ['reserved bit, one byte', Buffer.of(0xc1), 1002],
    ['reserved opcode, one byte', Buffer.of(0x83), 1002],
    ['no mask, two bytes', Buffer.of(0x81, 0x05), 1002],
    ['long ping, two bytes', Buffer.of(0x89, 0xfe), 1002],
    ['fragmented ping, one byte', Buffer.of(0x09), 1002],
    ['too long a form, four bytes', Buffer.of(0x81, 0xfe, 0, 125), 1002],
    ['too long a form, ten bytes', Buffer.of(0x81, 0xff, 0, 0, 0, 0, 0, 0, 0xff, 0xff), 1002],
    ['a length of 2^63', Buffer.of(0x82, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0), 1002],
    ['a length above the limit', Buffer.of(0x82, 0xff, 0, 0, 0, 1, 0, 0, 0, 0), 1009],
    ['continuation of nothing', Buffer.of(0x80, 0x85, 1, 2, 3, 4), 1002],
  ], async (peer, bytes, code) => {
    peer.send(bytes);
    await peer.closes(code);
  });
});

test('an unmasked frame is a protocol error', () =>
  each([['text', TEXT, 'x'], ['ping', PING, ''], ['close', CLOSE, '']], async (peer, opcode, data) => {
    peer.send(frame(opcode, data, { masked: false }));
    await peer.closes(1002);
  }));

// --- 5: fragmentation ------------------------------------------------------------

test('a message in fragments comes back whole, with control frames in between', () =>
  each([
    ['two', [frame(TEXT, 'frag', { fin: false }), frame(CONTINUATION, 'ment')]],
    ['empty ones', [frame(TEXT, '', { fin: false }), frame(CONTINUATION, 'fragment', { fin: false }), frame(CONTINUATION, '')]],
    ['single bytes', [frame(TEXT, 'f', { fin: false }), ...[...'ragmen'].map((b) => frame(CONTINUATION, b, { fin: false })), frame(CONTINUATION, 't')]],
  ], async (peer, frames) => {
    peer.send(...frames);
    await peer.echoes(TEXT, Buffer.from('fragment'));
    for (const [i, f] of frames.entries()) {
      peer.send(f, frame(PONG, 'unasked'));
      if (i < frames.length - 1) {
        peer.send(frame(PING, `ping ${i}`));
        await peer.echoes(PONG, Buffer.from(`ping ${i}`));
      }
      await sleep(2);
    }
    await peer.echoes(TEXT, Buffer.from('fragment'));
  }));

test('fragmented control frames are a protocol error', () =>
  each([['ping', PING], ['pong', PONG], ['close', CLOSE]], async (peer, opcode) => {
    peer.send(frame(opcode, 'x', { fin: false }), frame(CONTINUATION, 'y'));
    await peer.closes(1002);
  }));

test('a continuation of nothing is a protocol error', () =>
  each([
    ['with FIN', [frame(CONTINUATION, 'x')]],
    ['without', [frame(CONTINUATION, 'x', { fin: false }), frame(TEXT, 'y')]],
    ['after a whole message', [frame(TEXT, 'a'), frame(CONTINUATION, 'x')]],
    ['after the last fragment', [frame(TEXT, '', { fin: false }), frame(CONTINUATION, 'a'), frame(CONTINUATION, 'x')]],
  ], async (peer, frames) => {
    peer.send(...frames);
    if (frames.length > 1 && (frames[0][0] & 15) === TEXT) {
      await peer.echoes(TEXT, Buffer.from('a'));
    }
    await peer.closes(1002);
  }));

test('a message inside another is a protocol error', () =>
  each([['text', TEXT], ['binary', BINARY]], async (peer, opcode) => {
    peer.send(frame(TEXT, 'a', { fin: false }), frame(opcode, 'b'));
    await peer.closes(1002);
  }));

// --- 6: UTF-8 --------------------------------------------------------------------

const good = ['', 'Hello-µ@ßöäüàá-UTF-8!!', 'κόσμε', '\u0000', '\u007f', '\u0080', '\u07ff', '\u0800', '\ud7ff',
  '\ue000', '\ufffd', '\uffff', '\u{10000}', '\u{10ffff}', 'السلام عليكم', '👩‍⚕️'].map((t) => Buffer.from(t));
const bad = ['80', 'bf', 'c080', 'c1bf', 'c0af', 'e08080', 'e09fbf', 'eda080', 'edbfbf', 'eda080edb080', 'f0808080',
  'f08fbfbf', 'f4908080', 'f5808080', 'f888808080', 'fc8480808080', 'fe', 'ff', 'c3c3', 'e28228', 'f0288cbc', '61ce',
  '61e282', '61f09f9a', 'cebae1bdb9cf83cebcceb5eda080656469746564'].map((h) => Buffer.from(h, 'hex'));

test('valid text comes back, whole, in single bytes and in fragments of one byte', () =>
  each(good.map((t) => [t.toString('hex'), t]), async (peer, text) => {
    peer.send(frame(TEXT, text));
    await peer.echoes(TEXT, text);
    await peer.drip(frame(TEXT, text));
    await peer.echoes(TEXT, text);
    peer.send(frame(TEXT, '', { fin: false }), ...[...text].map((b) => frame(CONTINUATION, Buffer.of(b), { fin: false })),
      frame(CONTINUATION, ''));
    await peer.echoes(TEXT, text);
  }));

test('text that is not UTF-8 is refused with 1007, however it comes', async () => {
  const cases = bad.map((t) => [t.toString('hex'), t]);
  await each(cases, async (peer, text) => {
    peer.send(frame(TEXT, text));
    await peer.closes(1007);
  });
  await each(cases, async (peer, text) => {
    peer.send(frame(TEXT, '', { fin: false }), ...[...text].map((b) => frame(CONTINUATION, Buffer.of(b), { fin: false })),
      frame(CONTINUATION, ''));
    await peer.closes(1007);
  });
});

test('binary may hold what text may not', () =>
  each(bad.map((t) => [t.toString('hex'), t]), async (peer, data) => {
    peer.send(frame(BINARY, data));
    await peer.echoes(BINARY, data);
  }));

test('bad text is refused before its message, and even its frame, has ended', async () => {
  const begin = Buffer.from('κόσμε');
  await each([
    ['fragment with f4 90', [frame(TEXT, begin, { fin: false }), frame(CONTINUATION, Buffer.of(0xf4, 0x90), { fin: false })]],
    ['character cut by fragments', [frame(TEXT, Buffer.concat([begin, Buffer.of(0xf4)]), { fin: false }),
      frame(CONTINUATION, Buffer.of(0x90), { fin: false })]],
    ['within one frame', [frame(TEXT, Buffer.concat([begin, Buffer.of(0xf4, 0x90), Buffer.alloc(1000, 'x')])).subarray(0, 8 + begin.length + 2)]],
    ['within one frame, in two packets', [frame(TEXT, Buffer.concat([begin, Buffer.of(0xf4, 0x90), Buffer.alloc(1000, 'x')])).subarray(0, 8 + begin.length + 2)], 8 + begin.length + 1],
  ], async (peer, frames, cut) => {
    const bytes = Buffer.concat(frames);
    if (cut) {
      peer.send(bytes.subarray(0, cut));
      await sleep(30);
      assert.equal(peer.chunks.length, 0, 'nothing is wrong yet');
      peer.send(bytes.subarray(cut));
    } else {
      peer.send(bytes);
    }
    await peer.closes(1007);
  });
});

// --- 7: closing ------------------------------------------------------------------

test('codes a peer may send are echoed', () =>
  each([1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999].map((c) => [`${c}`, c]),
    async (peer, code) => {
      peer.send(closing(code, 'why'));
      await peer.closes(code);
    }));

test('codes a peer may not send are a protocol error', () =>
  each([0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535].map((c) => [`${c}`, c]), async (peer, code) => {
    peer.send(closing(code));
    await peer.closes(1002);
  }));

test('a close frame without a code is answered by one, a single byte is an error', async () => {
  await each([['empty', frame(CLOSE), undefined], ['one byte', frame(CLOSE, 'x'), 1002],
    ['a reason of 123 bytes', closing(1000, '*'.repeat(123)), 1000], ['of 124', closing(1000, '*'.repeat(124)), 1002],
    ['a reason that is not UTF-8', closing(1000, Buffer.of(0xce, 0xba, 0xff)), 1007]], async (peer, bytes, code) => {
    peer.send(bytes);
    await peer.closes(code);
  });
});

test('what follows a close frame is ignored', () =>
  each([
    ['text', frame(TEXT, 'late')], ['ping', frame(PING, 'late')], ['another close', closing(1001)],
    ['nonsense', randomBytes(500)], ['a fragment', frame(CONTINUATION, 'late')], ['a megabyte', frame(BINARY, Buffer.alloc(1 << 20))],
  ], async (peer, late) => {
    peer.send(frame(TEXT, 'in time'), closing(1000), late);
    await peer.echoes(TEXT, Buffer.from('in time'));
    await peer.closes(1000);
  }));

test('a close in the middle of a message wins', () =>
  each([['close', closing(1000)]], async (peer, bytes) => {
    peer.send(frame(TEXT, 'never', { fin: false }), bytes, frame(CONTINUATION, 'ended'));
    await peer.closes(1000);
  }));

test('the answer to a large message arrives whole before the close frame', async () => {
  const peer = await open();
  const data = randomBytes(4 << 20);
  peer.socket.pause();
  peer.send(frame(BINARY, data), closing(1000));
  await sleep(200);
  peer.socket.resume();
  await peer.echoes(BINARY, data);
  await peer.closes(1000);
});

test('a peer that never ends its side is let go after a while', async () => {
  const peer = await open();
  peer.send(closing(1000));
  await peer.closes(1000); // which ends our side too: so once more, without
  const stubborn = await open();
  stubborn.send(frame(TEXT, Buffer.of(0xff)));
  assert.equal((await stubborn.frame()).opcode, CLOSE);
  const begin = Date.now();
  let gone = false;
  stubborn.socket.on('close', () => { gone = true; });
  while (!gone && Date.now() - begin < 12000) {
    stubborn.socket.write(frame(PING, 'still here'));
    await sleep(200);
  }
  assert.ok(gone && Date.now() - begin > 3000);
});

// --- 9 and 10: large messages ------------------------------------------------------

for (const opcode of [TEXT, BINARY]) {
  test(`messages of 64 kB to 16 MB come back, opcode ${opcode}`, async () => {
    for (const n of full ? [1 << 16, 1 << 18, 1 << 20, 1 << 22, 1 << 23, 1 << 24] : [1 << 16, 1 << 20, 1 << 24]) {
      const data = opcode === TEXT ? Buffer.alloc(n, 'abc€') : randomBytes(n);
      if (opcode === TEXT) {
        data.fill('*', n - (n % 6) - 6); // end between characters
      }
      const peer = await open();
      peer.send(frame(opcode, data));
      await peer.echoes(opcode, data);
      peer.socket.destroy();
    }
  });
}

/** `data` as one message in fragments of `size` bytes. */
function fragments(opcode, data, size) {
  const frames = [];
  for (let at = 0; at === 0 || at < data.length; at += size) {
    frames.push(frame(at === 0 ? opcode : CONTINUATION, data.subarray(at, at + size), { fin: at + size >= data.length }));
  }
  return frames;
}

/** Text of n bytes that are no whole number of characters anywhere before. */
const text = (n) => Buffer.concat([Buffer.alloc(n - (n % 3), '€'), Buffer.alloc(n % 3, '*')]);

const large = full ? 1 << 22 : 1 << 20;
const fragmentSizes = full ? [64, 256, 1024, 4096, 16384, 65536, 262144, 1 << 20, 1 << 22] : [64, 1024, 65536, 1 << 20];
test(`${large >> 20} MB in fragments of ${fragmentSizes} bytes come back`, async () => {
  for (const opcode of [TEXT, BINARY]) {
    const data = opcode === TEXT ? text(large) : randomBytes(large);
    for (const size of fragmentSizes) {
      const peer = await open();
      peer.send(...fragments(opcode, data, size));
      await peer.echoes(opcode, data);
      peer.socket.destroy();
    }
  }
});

const chops = full ? [64, 128, 256, 512, 1024, 2048] : [512, 2048];
test(`a megabyte in writes of ${chops} bytes comes back`, async () => {
  for (const opcode of [TEXT, BINARY]) {
    const data = opcode === TEXT ? text(1 << 20) : randomBytes(1 << 20);
    const bytes = frame(opcode, data);
    for (const chop of chops) {
      const peer = await open();
      for (let at = 0; at < bytes.length; at += chop) {
        if (!peer.socket.write(bytes.subarray(at, at + chop))) {
          await new Promise((done) => peer.socket.once('drain', done));
        }
      }
      await peer.echoes(opcode, data);
      peer.socket.destroy();
    }
  }
});

test('64 kB of text in fragments of 1300 bytes come back', async () => {
  const peer = await open();
  peer.send(...fragments(TEXT, Buffer.alloc(65536, '*'), 1300));
  await peer.echoes(TEXT, Buffer.alloc(65536, '*'));
  peer.send(closing(1000));
  await peer.closes(1000);
});

test('a message above the limit is refused with 1009, in one frame or many', async () => {
  const peer = await open();
  peer.send(Buffer.of(0x82, 0xff, 0, 0, 0, 0, 4, 0, 0, 1), Buffer.alloc(4));
  await peer.closes(1009);
  const many = await open();
  many.send(frame(BINARY, Buffer.alloc(1 << 20), { fin: false }));
  many.send(Buffer.of(0x80, 0xff, 0, 0, 0, 0, 3, 0xf0, 0, 1), Buffer.alloc(4));
  await many.closes(1009);
});

const trips = full ? 1000 : 200;
test(`${trips} round trips of each of six sizes`, async () => {
  for (const opcode of [TEXT, BINARY]) {
    for (const n of [0, 16, 64, 256, 1024, 4096]) {
      const peer = await open();
      for (let i = 0; i < trips; i++) {
        const data = Buffer.alloc(n, `round trip ${i} `);
        peer.send(frame(opcode, data));
        await peer.echoes(opcode, data);
      }
      peer.socket.destroy();
    }
  }
});

// --- the handshake -------------------------------------------------------------------

test('the answer to a handshake is the one RFC 6455 asks for', async () => {
  const key = randomBytes(16).toString('base64');
  const accept = createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
  const peer = await connect();
  peer.send(handshake({ ...UPGRADE, 'Sec-WebSocket-Key': key, Connection: 'keep-alive, upgrade', Upgrade: 'WebSocket',
    'Sec-WebSocket-Protocol': 'chat', 'Sec-WebSocket-Extensions': 'permessage-bogus' }));
  const { head } = await answer(peer);
  assert.match(head, /^HTTP\/1\.1 101 Switching Protocols\r\n/);
  assert.match(head, /\r\nUpgrade: websocket\r\n/i);
  assert.match(head, /\r\nConnection: Upgrade\r\n/i);
  assert.ok(head.includes(`\r\nSec-WebSocket-Accept: ${accept}\r\n`));
  assert.doesNotMatch(head, /Sec-WebSocket-(Protocol|Extensions)/i);
  peer.socket.destroy();
});

test('a handshake in single bytes is the same handshake', async () => {
  const peer = await connect();
  await peer.drip(Buffer.concat([Buffer.from(handshake()), frame(TEXT, 'hello')]));
  assert.equal((await answer(peer)).status, 101);
  await peer.echoes(TEXT, Buffer.from('hello'));
  peer.socket.destroy();
});

test('a handshake that is not one is refused, with JSON that says why', async () => {
  const but = (change) => handshake({ ...UPGRADE, ...change });
  for (const [name, request, status] of [
    ['HTTP/1.0', handshake(UPGRADE, 'GET / HTTP/1.0'), 400],
    ['HTTP/2.0', handshake(UPGRADE, 'GET / HTTP/2.0'), 505],
    ['POST', handshake({ ...UPGRADE, 'Content-Length': '0' }, 'POST / HTTP/1.1'), 405],
    ['a body', but({ 'Content-Length': '3' }) + 'abc', 400],
    ['no Host', but({ Host: undefined }), 400],
    ['an empty Host', but({ Host: '' }), 400],
    ['two Hosts', but({ Host: ['a', 'b'] }), 400],
    ['no Upgrade', but({ Upgrade: undefined }), 426],
    ['another Upgrade', but({ Upgrade: 'h2c' }), 426],
    ['no Connection', but({ Connection: undefined }), 426],
    ['another Connection', but({ Connection: 'keep-alive' }), 426],
    ['no version', but({ 'Sec-WebSocket-Version': undefined }), 426],
    ['version 8', but({ 'Sec-WebSocket-Version': '8' }), 426],
    ['version 14', but({ 'Sec-WebSocket-Version': '14' }), 426],
    ['two versions', but({ 'Sec-WebSocket-Version': ['13', '13'] }), 426],
    ['no key', but({ 'Sec-WebSocket-Key': undefined }), 400],
    ['a short key', but({ 'Sec-WebSocket-Key': 'AAAA' }), 400],
    ['a key that is not base64', but({ 'Sec-WebSocket-Key': '!'.repeat(22) + '==' }), 400],
    ['two keys', but({ 'Sec-WebSocket-Key': [KEY, KEY] }), 400],
    ['no HTTP at all', '\x16\x03\x01\r\n\r\n', 400],
  ]) {
    const peer = await connect();
    peer.send(request);
    const { head, status: got } = await answer(peer);
    assert.equal(got, status, name);
    assert.match(head, /\r\nContent-Type: application\/json\r\n/, name);
    assert.match(head, /\r\nConnection: close\r\n/, name);
    if (status === 426) {
      assert.match(head, /\r\nSec-WebSocket-Version: 13\r\n/, name);
      assert.match(head, /\r\nUpgrade: websocket\r\n/, name);
    }
    const length = Number(head.match(/Content-Length: (\d+)/)[1]);
    const body = await peer.until('a body', (b) => (b.length >= length ? b.subarray(0, length) : undefined));
    assert.equal(JSON.parse(body).code, status, name);
    peer.input = peer.input.subarray(length);
    await peer.ends();
  }
});

// --- a real client ---------------------------------------------------------------------

test('the ws package speaks with it and closes cleanly', async () => {
  const ws = new WebSocket(`ws://127.0.0.1:${port}/`, { perMessageDeflate: false });
  const messages = [];
  const closed = new Promise((done) => ws.on('close', (code, reason) => done({ code, reason: String(reason) })));
  ws.on('message', (data, binary) => {
    messages.push([data.length, binary]);
    if (messages.length === 3) {
      ws.close(4321, 'enough');
    }
  });
  await new Promise((done, failed) => ws.on('open', done).on('error', failed));
  ws.send('hello');
  ws.send(Buffer.alloc(100000));
  ws.send('é'.repeat(1000));
  assert.deepEqual(await closed, { code: 4321, reason: '' });
  assert.deepEqual(messages, [[5, false], [100000, true], [2000, false]]);
});

test('a flood of broken clients leaves a healthy one undisturbed', async () => {
  const healthy = await open();
  const crowd = await Promise.all(Array.from({ length: 200 }, () => connect()));
  for (const [i, peer] of crowd.entries()) {
    peer.socket.write(i % 2 ? handshake() : randomBytes(3000));
    peer.socket.write(randomBytes(2000));
    if (i % 3 === 0) {
      peer.socket.resetAndDestroy?.() ?? peer.socket.destroy();
    }
  }
  for (let i = 0; i < 50; i++) {
    healthy.send(frame(TEXT, `still here ${i}`));
    await healthy.echoes(TEXT, Buffer.from(`still here ${i}`));
  }
  for (const peer of crowd) {
    peer.socket.destroy();
  }
  healthy.socket.destroy();
});
