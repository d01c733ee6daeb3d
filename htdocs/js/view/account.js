// SPDX-License-Identifier: Apache-2.0
//
// view/account.js - the account dialog: sessions, tokens, password.

import { html, nothing } from '../../lib/lit-html.js';
import { locale, t } from '../i18n.js';
import { deviceName, plain } from '../text.js';
import { full, listTime } from '../time.js';
import * as icons from './icons.js';

/** "Firefox, Linux" of a session, the given name of a token. */
function nameOf(kind, item) {
  const known = kind === 'tokens' ? plain(item.name) : deviceName(item.user_agent);
  return known || t('account.unknown');
}

function when(item, now) {
  const time = item.last_seen_at ?? item.last_used_at ?? item.created_at;
  return time === null ? nothing : html`<time datetime=${time} title=${full(new Date(time), locale())}
    >${listTime(new Date(time), now, locale())}</time>`;
}

function device(account, kind, item, now) {
  return html`<li class="device">
    <div class="device-what">
      <span class="device-name"><bdi>${nameOf(kind, item)}</bdi></span>
      <span class="device-more">${item.address
        ? html`<bdi>${item.address}</bdi> · ` : nothing}${when(item, now)}</span>
    </div>
    ${item.current ? html`<span class="device-here">${t('account.here')}</span>`
      : html`<button type="button" class="outline small" aria-label=${t('account.end.of', { name: nameOf(kind, item) })}
        @click=${() => account.end(kind, item.id)}>${t('account.end')}</button>`}
  </li>`;
}

function devices(account, now) {
  const { sessions, tokens } = account;
  if (sessions === null) {
    return account.failed ? nothing : html`<p class="faint">${t('account.loading')}</p>`;
  }
  const all = [...sessions.map((s) => ['sessions', s]), ...tokens.map((k) => ['tokens', k])];
  return html`<ul class="devices">${all.map(([kind, item]) => device(account, kind, item, now))}</ul>
    <div class="account-more">
      <button type="button" class="outline small" @click=${() => account.endOthers()}>${t('account.others')}</button>
      <button type="button" class="outline small grave" @click=${() => account.endAll()}>${t('account.everywhere')}</button>
    </div>`;
}

function field(name, label, autocomplete) {
  return html`<label><span>${label}</span><input type="password" name=${name} required dir="ltr"
    autocomplete=${autocomplete} minlength=${name === 'current' ? 1 : 8} maxlength="1024"></label>`;
}

function password(account) {
  const { busy, error, done } = account.form;
  return html`<form class="password" @submit=${(event) => {
    event.preventDefault();
    account.changePassword(event.currentTarget);
  }}>
    <input type="text" name="username" autocomplete="username" hidden .value=${account.me.email ?? ''}>
    ${field('current', t('password.current'), 'current-password')}
    ${field('next', t('password.next'), 'new-password')}
    ${field('again', t('password.again'), 'new-password')}
    <p class="password-said" role="status" ?data-wrong=${error !== null}>${error
      ?? (done ? t('password.done') : t('password.hint'))}</p>
    <button type="submit" class="solid" ?disabled=${busy}>${t('password.change')}</button>
  </form>`;
}

export function accountDialog(account, now) {
  return html`<div class="account-sheet">
    <header>
      <h2>${t('account.title')}</h2>
      <button type="button" class="round" title=${t('account.close')}
        @click=${() => account.dialog.close()}>${icons.close()}<span class="sr-only">${t('account.close')}</span></button>
    </header>
    ${account.failed ? html`<p class="account-failed" role="alert">${account.failed}</p>` : nothing}
    <section><h3>${t('account.devices')}</h3>${devices(account, now)}</section>
    <section><h3>${t('password.title')}</h3>${password(account)}</section>
  </div>`;
}
