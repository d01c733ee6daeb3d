// SPDX-License-Identifier: Apache-2.0
//
// Cookies and sessions as a Laravel application makes them.

import { createCipheriv, createHmac, randomBytes } from 'node:crypto';

/** What its Encrypter makes of a text. @param key  32 bytes */
export function laravelBox(text, key, { gcm = false, change = (o) => o } = {}) {
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
  return Buffer.from(typeof box === 'string' ? box : JSON.stringify(box)).toString('base64');
}

const prefixed = (name, text, key) => `${createHmac('sha1', key).update(`${name}v2`).digest('hex')}|${text}`;

/** The session cookie. @return its value, as it stands in a header */
export function laravelCookie(id, key, { name = 'laravel_session', plain, prefixOf = name, ...options } = {}) {
  return encodeURIComponent(laravelBox(plain ?? prefixed(prefixOf, id, key), key, options));
}

/** The cookie XSRF-TOKEN, as axios shows it in X-XSRF-TOKEN. */
export const laravelXsrf = (token, key, { name = 'XSRF-TOKEN', ...options } = {}) => laravelBox(prefixed(name, token, key), key, options);

/** A text as PHP's serialize() writes it. */
export const phpText = (text) => `s:${Buffer.byteLength(text)}:"${text}";`;

/** A session's data likewise, as after a form that was filled in wrongly. */
export const phpSession = (token) => `a:4:{s:6:"errors";O:31:"Illuminate\\Support\\ViewErrorBag":1:{s:7:"\0*\0bags";a:1:{s:7:"default";i:1;}}`
  + `s:6:"_flash";a:2:{s:3:"old";a:0:{}s:3:"new";a:1:{i:0;s:6:"_token";}}s:6:"_token";${phpText(token)}s:50:"login_web_59ba36addc2b2f9401580f014c7f58ea4e30989d";i:7;}`;
