// SPDX-License-Identifier: Apache-2.0
//
// view/people.js - the people of the open conversation: their list, with adding and
// removing for those who may; whether they are there; how far a message has got.

import { html, nothing } from '../../lib/lit-html.js';
import { repeat } from '../../lib/directives/repeat.js';
import { locale, roleText, t } from '../i18n.js';
import { isGroup, peopleOf } from '../people.js';
import { sameId } from '../store.js';
import { clock, full, listTime } from '../time.js';
import { avatar } from './avatar.js';
import * as icons from './icons.js';

/** The button in the conversation's head. */
export function peopleButton({ people, actions }, conversation) {
  const n = conversation.members?.length ?? 0;
  return html`<button type="button" class="round people-button"
    title=${t('people.title')} aria-expanded=${people.open ? 'true' : 'false'}
    @click=${actions.people}>${icons.people()}<span class="sr-only"
    >${t('people.title')}</span>${n > 2 ? html`<span class="people-count"
    aria-hidden="true">${n}</span>` : nothing}</button>`;
}

/** Under the name: there right now, or since when not; of a group their names. */
export function presenceLine(ctx, conversation) {
  const { state, people, now } = ctx;
  const others = (conversation.members ?? [])
    .filter((member) => !sameId(member.id, state.me.id));
  if (isGroup(conversation)) {
    const there = others.filter((member) => people.online(member.id)).length;
    return there ? html`<span class="there">${t('people.online.n',
      { n: there })}</span>` : nothing;
  }
  if (!conversation.other) {
    return nothing;
  }
  if (people.online(conversation.other.id)) {
    return html`<span class="there">${t('people.online')}</span>`;
  }
  const seen = peopleOf(state, conversation.key).members
    .find((member) => sameId(member.user.id, conversation.other.id))
    ?.last_seen_at;
  return seen ? html`<span class="seen" title=${full(seen, locale())}
    >${t('people.seen', { when: listTime(seen, now, locale()) })}</span>`
    : nothing;
}

/** The panel; nothing while it is closed. */
export function peoplePanel(ctx, conversation) {
  const { state, people, actions } = ctx;
  if (!people.open || !conversation) {
    return nothing;
  }
  const { members, mayManage, loaded } = peopleOf(state, conversation.key);
  return html`<section class="people" role="dialog" aria-label=${t('people.title')}
    @keydown=${(event) => event.key === 'Escape' && actions.people()}>
    <header><h3 tabindex="-1">${t('people.title')}</h3>
      <button type="button" class="round" title=${t('people.close')}
        @click=${actions.people}>${icons.close()}<span class="sr-only"
        >${t('people.close')}</span></button></header>
    ${loaded || members.length ? html`<ul>${repeat(members,
      (member) => member.user.id,
      (member) => oneMember(ctx, conversation, member, mayManage))}</ul>`
      : html`<div class="loading" role="status"><span class="sr-only"
        >${t('people.loading')}</span></div>`}
    ${mayManage ? addForm(ctx, conversation) : nothing}
    ${people.trouble ? html`<p class="people-trouble" role="alert"
      >${people.trouble}</p>` : nothing}
  </section>`;
}

function oneMember(ctx, conversation, member, mayManage) {
  const { state, people, actions, now } = ctx;
  const { user } = member;
  const me = sameId(user.id, state.me.id);
  const there = me || people.online(user.id);
  const may = member.role === 'member' && (mayManage || me);
  return html`<li data-user=${user.id}>
    ${avatar(user)}
    <div class="people-who">
      <span class="people-name" dir="auto">${user.name}</span>${me
        ? html` <span class="faint">${t('people.you')}</span>` : nothing}
      <span class="people-what">${roleText(user.role)}${there
        ? html` · <span class="there">${t('people.online')}</span>`
        : member.last_seen_at ? html` · <span
          title=${full(member.last_seen_at, locale())}>${t('people.seen', {
          when: listTime(member.last_seen_at, now, locale()),
        })}</span>` : nothing}</span>
    </div>
    ${may ? html`<button type="button" class="plain"
      @click=${() => actions.removeMember(conversation.key, user)}
      >${me ? t('people.leave') : t('people.remove')}</button>` : nothing}
  </li>`;
}

function addForm({ people, actions }, conversation) {
  const add = (event) => {
    event.preventDefault();
    const field = event.target.elements.email;
    actions.addMember(conversation.key, field.value.trim(), () => {
      field.value = '';
    });
  };
  return html`<form class="people-add" @submit=${add}>
    <label><span>${t('people.add')}</span>
      <input type="email" name="email" required maxlength="254" dir="ltr"
        autocomplete="off" spellcheck="false"
        placeholder=${t('people.add.hint')}></label>
    <button type="submit" class="solid" aria-busy=${people.busy ? 'true' : 'false'}
      >${t('people.add.do')}</button>
  </form>`;
}

/** Who has had a message, and read it; asked for by pressing its tick. */
export function receiptList({ people }, message) {
  if (!message || people.details?.id !== message.id) {
    return nothing;
  }
  const { list } = people.details;
  return html`<div class="receipts" role="status">${list === null
    ? t('receipts.loading') : html`<ul>${list.map((one) => html`<li>
      <span dir="auto">${one.user.name}</span>
      <span class="faint">${one.read_at
        ? t('receipts.read', { at: clock(one.read_at, locale()) })
        : one.delivered_at
          ? t('receipts.delivered', { at: clock(one.delivered_at, locale()) })
          : t('receipts.waiting')}</span></li>`)}</ul>`}</div>`;
}
