// SPDX-License-Identifier: Apache-2.0
//
// route.js - the address bar. /chat is the list, /chat/conversation/{id} an
// open conversation; both are the same page. The back button of a phone leaves
// the conversation as the button on the screen does. What stands before /chat is
// the site's and stays.

const CONVERSATION = /\/chat\/conversation\/([A-Za-z0-9_-]{1,64})\/?$/;

/** The key of the conversation in an address, or null. */
export function keyIn(pathname) {
  return pathname.match(CONVERSATION)?.[1] ?? null;
}

/** @param here  where the page is */
export function pathOf(key, here = location.pathname) {
  const list = here.replace(CONVERSATION, '/chat').replace(/\/$/, '');
  return key === null ? list : `${list}/conversation/${key}`;
}

/**
 * Put a conversation into the address bar. From the list, a new entry; from one
 * conversation to the next the entry is replaced, so that "back" leads to the
 * list and not through everybody one talked to.
 */
export function show(key) {
  const here = keyIn(location.pathname);
  if (here === key) {
    return;
  }
  if (here === null) {
    history.pushState({ fromList: true }, '', pathOf(key));
  } else {
    history.replaceState(history.state, '', pathOf(key));
  }
}

/** Leave the conversation: back over the entry we made, if we made it. */
export function leave() {
  if (history.state?.fromList) {
    history.back();
  } else {
    history.replaceState(null, '', pathOf(null));
    dispatchEvent(new PopStateEvent('popstate'));
  }
}
