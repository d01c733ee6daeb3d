// SPDX-License-Identifier: Apache-2.0
//
// A session cookie as a Laravel application makes it.

import { createCipheriv, createHmac, randomBytes } from 'node:crypto';

/** @param key  32 bytes. @return the cookie's value, as it stands in a header */
export function laravelCookie(id, key, { name = 'laravel_session', gcm = false, plain, prefixOf = name, change = (o) => o } = {}) {
  const text = plain ?? `${createHmac('sha1', key).update(`${prefixOf}v2`).digest('hex')}|${id}`;
  const iv = randomBytes(gcm ? 12 : 16);
  const cipher = createCipheriv(gcm ? 'aes-256-gcm' : 'aes-256-cbc', key, iv);
  const value = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()]).toString('base64');
  const iv64 = iv.toString('base64');
  const box = change({
    iv: iv64,
    value,
    mac: gcm ? '' : createHmac('sha256', key).update(iv64 + value).digest('hex'),
    tag: gcm ? cipher.getAuthTag().toString('base64') : '',
  });
  return encodeURIComponent(Buffer.from(typeof box === 'string' ? box : JSON.stringify(box)).toString('base64'));
}
