// SPDX-License-Identifier: Apache-2.0
//
// config.js - what the server wrote into the page: who is logged in, the CSRF
// token, how to reach the socket. It stands in meta tags, because the page's
// policy allows no inline script.

function meta(name) {
  return document.querySelector(`meta[name="${name}"]`)?.content ?? '';
}

/** {key, cluster, prefix, wsPath, user: {id, name, email, role}, csrf_token,
 *  logout: where one goes who signs out, null: one cannot,
 *  rules: {closed: [status], edit, delete (seconds), staff},
 *  files: {max (bytes), most (of a message)} or null: none are taken} */
export function readConfig() {
  const config = JSON.parse(meta('chat-config'));
  return { ...config, csrf_token: meta('csrf-token') || config.csrf_token };
}
