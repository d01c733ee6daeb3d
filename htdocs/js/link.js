// SPDX-License-Identifier: Apache-2.0
//
// link.js - one honest word about the connection, made of what is known of its
// parts. Pure: the parts are reported by live.js (the socket) and api.js (the
// requests), the word is shown by view/link.js.
//
//   connected   the socket is up and listens to our channel: nothing to say
//   connecting  the socket is being opened; requests may well work
//   slow        no socket for a while, but requests work: sync.js asks regularly
//   stalled     the server answers with failures, or not at all
//   offline     this device has no network, or nothing reaches the server

/** How long a socket may be missing before we call updates slow, ms. */
export const GRACE = 6000;

/**
 * @param online      the browser believes it has a network
 * @param socket      the socket is connected and our channel subscribed
 * @param reachable   the last request: true answered, false not, null none yet
 * @param answered    a request that failed was at least answered (a 5xx)
 * @param downSince   ms; when the socket was lost or first asked for
 * @param now         ms
 */
export function linkState({
  online, socket, reachable, answered, downSince, now,
}) {
  if (!online) {
    return 'offline';
  }
  if (reachable === false) {
    return socket || answered ? 'stalled' : 'offline';
  }
  if (socket) {
    return 'connected';
  }
  return reachable && now - downSince >= GRACE ? 'slow' : 'connecting';
}
