// SPDX-License-Identifier: Apache-2.0
//
// Two people on an installed site: one listens on a WebSocket, the other writes.
// Ends with 0 when the words arrived, and prints the message's id.
//
//   node talk.mjs URL KEY WRITER LISTENER PASSWORD CONVERSATION WORDS

import { createRequire } from 'node:module';

const WebSocket = createRequire(import.meta.url)('ws');
process.env.NODE_TLS_REJECT_UNAUTHORIZED = '0'; // the certificate is nobody's
process.removeAllListeners('warning');

const [url, key, writer, listener, password, conversation, words] = process.argv.slice(2);
setTimeout(() => fail('nothing arrived for 30 s'), 30000).unref();

function fail(why) {
  console.error(why);
  process.exit(1);
}

async function post(path, token, body) {
  const r = await fetch(url + path, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', Accept: 'application/json', ...(token && { Authorization: `Bearer ${token}` }) },
    body: JSON.stringify(body),
  });
  const text = await r.text();
  if (!r.ok) {
    fail(`${path}: ${r.status} ${text}`);
  }
  return JSON.parse(text);
}

const logIn = async (email) => (await post('/chat/token', null, { email, password, device_name: 'box' })).token;

const tokens = { writer: await logIn(writer), listener: await logIn(listener) };
const channel = `private-conversation.${conversation}`;
const socket = new WebSocket(`${url.replace('http', 'ws')}/app/${key}?protocol=7&client=js&version=8.6.0`);
const send = (event, data) => socket.send(JSON.stringify({ event, data }));
socket.on('error', (e) => fail(`the WebSocket: ${e.message}`));
socket.on('close', (code) => fail(`the WebSocket was closed with ${code}`));
socket.on('message', async (text) => {
  const { event, data } = JSON.parse(text);
  if (event === 'pusher:connection_established') {
    const { auth } = await post('/broadcasting/auth', tokens.listener, { socket_id: JSON.parse(data).socket_id, channel_name: channel });
    send('pusher:subscribe', { channel, auth });
  } else if (event === 'pusher_internal:subscription_succeeded') {
    await post(`/chat/conversation/${conversation}/message`, tokens.writer, { content: words });
  } else if (event === 'MessageSent' && JSON.parse(data).message.content === words) {
    console.log(JSON.parse(data).message.id);
    process.exit(0);
  } else if (event === 'pusher:error' || event === 'pusher:subscription_error') {
    fail(text.toString());
  }
});
