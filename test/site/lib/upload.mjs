// SPDX-License-Identifier: Apache-2.0
//
// Bodies with files, right and wrong, and small files of each kind.

import net from 'node:net';
import zlib from 'node:zlib';
import { randomBytes } from 'node:crypto';

const crc = (bytes) => {
  let c = ~0;
  for (const b of bytes) {
    c ^= b;
    for (let k = 0; k < 8; k++) {
      c = c & 1 ? (c >>> 1) ^ 0xedb88320 : c >>> 1;
    }
  }
  return ~c >>> 0;
};

const u32 = (n) => {
  const b = Buffer.alloc(4);
  b.writeUInt32BE(n);
  return b;
};

const chunk = (type, data) => {
  const body = Buffer.concat([Buffer.from(type), data]);
  return Buffer.concat([u32(data.length), body, u32(crc(body))]);
};

/** A PNG of one colour, another one each time. */
export function png(width = 8, height = 6) {
  const colour = randomBytes(3);
  const line = Buffer.concat([Buffer.from([0]), ...Array.from({ length: width }, () => colour)]);
  return Buffer.concat([
    Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'),
    chunk('IHDR', Buffer.concat([u32(width), u32(height), Buffer.from([8, 2, 0, 0, 0])])),
    chunk('IDAT', zlib.deflateSync(Buffer.concat(Array.from({ length: height }, () => line)))),
    chunk('IEND', Buffer.alloc(0)),
  ]);
}

export const gif = Buffer.from('R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7', 'base64');

/** A PDF of one empty page, as large as it is wanted. */
export function pdf(size = 0) {
  const head = `%PDF-1.4\n%${randomBytes(8).toString('hex')}\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj\n3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]>>endobj\n`;
  const tail = 'trailer<</Root 1 0 R>>\n%%EOF\n';
  const fill = Math.max(0, size - head.length - tail.length);
  return Buffer.concat([Buffer.from(head), Buffer.alloc(fill, '% padding padding padding padding padding padding padding\n'), Buffer.from(tail)]);
}

/** An Ogg page with an Opus head: a recording, as far as its first bytes say. */
export const ogg = Buffer.concat([Buffer.from('OggS\0\x02\0\0\0\0\0\0\0\0', 'latin1'), randomBytes(4),
  Buffer.from('\0\0\0\0\0\0\0\0\x01\x13OpusHead\x01\x01\x38\x01\x80\xbb\0\0\0\0\0', 'latin1'), Buffer.alloc(200)]);

/**
 * A multipart body. A part is {name, value} or {name, file, type, bytes}; `headers`
 * replaces what would be said of it.
 */
export function form(parts, boundary = '----b' + randomBytes(8).toString('hex')) {
  const pieces = [];
  for (const p of parts) {
    let headers = p.headers;
    if (headers === undefined) {
      headers = `Content-Disposition: form-data; name="${p.name}"`;
      if (p.file !== undefined) {
        headers += `; filename="${p.file}"\r\nContent-Type: ${p.type ?? 'application/octet-stream'}`;
      }
    }
    pieces.push(Buffer.from(`--${boundary}\r\n${headers}\r\n\r\n`), Buffer.from(p.bytes ?? p.value ?? ''), Buffer.from('\r\n'));
  }
  pieces.push(Buffer.from(`--${boundary}--\r\n`));
  return { body: Buffer.concat(pieces), type: `multipart/form-data; boundary=${boundary}` };
}

/** The answer to bytes that fetch would not send; the connection is kept open for
 *  writing until `after` is called with the socket. */
export function raw(port, head, body, { wait = 20000, after = null } = {}) {
  return new Promise((resolve, reject) => {
    const socket = net.connect({ port, host: '127.0.0.1' });
    let text = '';
    const done = () => {
      clearTimeout(timer);
      socket.destroy();
      resolve({ status: Number(text.split(' ')[1]) || 0, text });
    };
    const timer = setTimeout(done, wait);
    socket.on('data', (d) => { text += d.toString('latin1'); });
    socket.on('error', () => done());
    socket.on('end', done);
    socket.on('connect', () => {
      socket.write(head);
      socket.write(body);
      after?.(socket);
    });
    void reject;
  });
}
