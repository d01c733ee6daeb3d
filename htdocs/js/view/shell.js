// SPDX-License-Identifier: Apache-2.0
//
// view/shell.js - the whole page as one template. On a wide screen list and
// thread stand side by side; on a phone data-view says which of them is shown.

import { html, nothing } from '../../lib/lit-html.js';
import { deedsDialog } from './deeds.js';
import { linkBar } from './link.js';
import { sidebar } from './list.js';
import { threadPane } from './thread.js';

export function shell(ctx) {
  return html`<div class="app" data-view=${
    ctx.state.selected === null ? 'list' : 'thread'} data-link=${ctx.link}>
    ${linkBar(ctx)}
    <div class="panes">${sidebar(ctx)}${threadPane(ctx)}</div>
    ${deedsDialog(ctx)}
    <div class="notice" role="status">${ctx.notice
      ? html`<p>${ctx.notice}</p>` : nothing}</div>
  </div>`;
}
