// SPDX-License-Identifier: Apache-2.0
//
// view/plan.js - treatment plans in the thread: a card for each change. The newest
// card of a plan is the plan as it is now, with what can be done about it; the ones
// above it are a line each, what happened then. Above the thread stand what the
// patient must look at and the doctor's drafts.

import { html, nothing } from '../../lib/lit-html.js';
import { locale, t } from '../i18n.js';
import { isFormer, partOf } from '../people.js';
import { isNewestCard, planOf, plansOf, priceText } from '../plan.js';
import { isMember, sameId, threadOf } from '../store.js';
import { clock, full } from '../time.js';
import * as icons from './icons.js';

const day = (time) => new Intl.DateTimeFormat(locale(), { dateStyle: 'medium' })
  .format(new Date(time));

/** Whether I am the one who offers plans here. */
function isDoctor(state, conversation) {
  const part = partOf(state, state.selected, state.me.id);
  return part ? part === 'doctor'
    : state.me.role === 'doctor' && isMember(state, conversation);
}

/** What was offered is taken back by who did, as long as that is the doctor here; then
 *  by the doctor there is now, and by staff. */
function mayCancel(state, conversation, rules, plan) {
  const ours = isDoctor(state, conversation);
  return sameId(plan.doctor_id, state.me.id) ? ours
    : isFormer(state, state.selected, plan.doctor_id)
      && (ours || rules.staff);
}

function isPatient(state, conversation, plan) {
  return state.me.role === 'patient' && isMember(state, conversation)
    && !sameId(plan.doctor_id, state.me.id);
}

/** A message that is a card. @param row  of layout.js */
export function planRow(ctx, row) {
  const { message, mine } = row;
  const { state } = ctx;
  const plan = planOf(state.plans, message);
  const newest = isNewestCard(threadOf(state, state.selected).messages, message);
  const at = message.created_at;
  return html`<div class="message plan ${mine ? 'mine' : 'theirs'}
    ${row.first ? 'first' : ''} ${row.last ? 'last' : ''}" data-row=${row.id}
    data-message=${message.id} data-state=${message.read_at ? 'read' : 'sent'}>
    ${newest ? card(ctx, plan, message) : html`<p class="plan-line"
      data-card=${message.plan.card}>${icons.plan()}<span dir="auto"
      >${cardWords(message)}</span><time datetime=${at}
      title=${full(at, locale())}>${clock(at, locale())}</time></p>`}
  </div>`;
}

/** What a card says in a line: also the list's second line. */
export function cardWords(message) {
  const { card: what, title } = message.plan;
  return what ? t(`plan.card.${what}`, { title }) : message.content;
}

function card(ctx, plan, message) {
  const at = message.created_at;
  const price = priceText(plan, locale());
  const name = `plan-${plan.id}`;
  return html`<article class="plan-card" data-status=${plan.status}
    data-plan=${plan.id} aria-labelledby=${name}>
    <header><span class="plan-kind">${icons.plan()}${t('plan.kind')}</span>
      <span class="chip" data-status=${plan.status}
        >${t(`plan.is.${plan.status}`)}</span></header>
    <h3 id=${name} dir="auto">${plan.title
      || (plan.unreadable ? t('message.unreadable') : '')}</h3>
    ${price ? html`<p class="plan-price"><bdi>${price}</bdi></p>` : nothing}
    ${plan.description ? html`<p class="plan-text" dir="auto"
      >${plan.description}</p>` : nothing}
    ${facts(plan)}
    ${plan.reason ? html`<blockquote><span class="sr-only">${t('plan.reason')}:
      </span><bdi>${plan.reason}</bdi></blockquote>` : nothing}
    ${choices(ctx, plan)}
    <footer><time datetime=${at} title=${full(at, locale())}
      >${clock(at, locale())}</time></footer>
  </article>`;
}

function facts(plan) {
  const lines = [];
  if (plan.duration_days) {
    lines.push([t('plan.duration'), t('plan.days', { n: plan.duration_days })]);
  }
  if (plan.status === 'submitted' && plan.expires_at) {
    lines.push([t('plan.until'), day(plan.expires_at)]);
  }
  if (plan.decided_at && plan.status !== 'submitted') {
    lines.push([t(`plan.is.${plan.status}`), day(plan.decided_at)]);
  }
  return lines.length === 0 ? nothing : html`<dl>${lines.map(([what, value]) => (
    html`<div><dt>${what}</dt><dd>${value}</dd></div>`))}</dl>`;
}

/** The patient decides, the doctor takes back; only while it is open. */
function choices({ state, plans, deeds }, plan) {
  const conversation = state.conversations.get(state.selected);
  if (plan.status !== 'submitted') {
    return nothing;
  }
  if (isPatient(state, conversation, plan)) {
    return html`<div class="plan-choices">
      <button type="button" class="solid" @click=${() => plans.ask('accept', plan)}
        >${t('plan.accept')}</button>
      <button type="button" class="outline" @click=${() => plans.ask('reject', plan)}
        >${t('plan.reject')}</button></div>`;
  }
  return mayCancel(state, conversation, deeds.rules, plan) ? html`<div class="plan-choices">
    <button type="button" class="outline" @click=${() => plans.ask('cancel', plan)}
      >${t('plan.cancel')}</button></div>` : nothing;
}

/** In the header: the doctor offers something new. */
export function newPlanButton({ state, plans }, conversation) {
  return conversation && isDoctor(state, conversation) ? html`<button
    type="button" class="round plan-new" title=${t('plan.new')}
    @click=${() => plans.open(state.selected)}>${icons.plan()}<span
    class="sr-only">${t('plan.new')}</span></button>` : nothing;
}

/** Under the header: what must be looked at; the doctor's drafts. */
export function planBars({ state, plans, deeds }, conversation) {
  if (!conversation) {
    return nothing;
  }
  const all = plansOf(state.plans, state.selected);
  const waiting = all.filter((plan) => plan.status === 'submitted'
    && plan.must_acknowledge && !plan.acknowledged_at
    && isPatient(state, conversation, plan));
  // Offered long ago, or before there were cards: none is in view.
  const thread = threadOf(state, state.selected);
  const unseen = all.filter((plan) => plan.status === 'submitted' && thread.loaded
    && !thread.messages.some((m) => m.plan && sameId(m.plan.id, plan.id)));
  const hidden = unseen.filter((plan) => isPatient(state, conversation, plan));
  const left = unseen.filter((plan) => mayCancel(state, conversation, deeds.rules, plan)
    && !sameId(plan.doctor_id, state.me.id)); // by a doctor before
  const drafts = all.filter((plan) => plan.status === 'draft'
    && sameId(plan.doctor_id, state.me.id) && isDoctor(state, conversation));
  if (waiting.length + hidden.length + left.length + drafts.length === 0) {
    return nothing;
  }
  return html`<div class="plan-bars">${waiting.map((plan) => html`<aside class="plan-bar must"
      data-plan=${plan.id} role="status"><span class="bar-words">${
      t('plan.must')} <bdi>${plan.title}</bdi></span>
      <button type="button" class="plain" ?disabled=${plans.busy.has(plan.id)}
        @click=${() => plans.step('acknowledge', plan)}>${t('plan.seen')}</button>
    </aside>`)}${hidden.map((plan) => html`<aside class="plan-bar offered"
      data-plan=${plan.id}><span class="bar-words">${t('plan.offered')} <bdi
      >${plan.title}</bdi></span>
      <button type="button" class="plain" @click=${() => plans.ask('accept', plan)}
        >${t('plan.accept')}</button>
      <button type="button" class="plain" @click=${() => plans.ask('reject', plan)}
        >${t('plan.reject')}</button>
    </aside>`)}${left.map((plan) => html`<aside class="plan-bar left"
      data-plan=${plan.id}><span class="bar-words">${t('plan.left')} <bdi
      >${plan.title}</bdi></span>
      <button type="button" class="plain" @click=${() => plans.ask('cancel', plan)}
        >${t('plan.cancel')}</button>
    </aside>`)}${drafts.map((plan) => html`<aside class="plan-bar"
      data-plan=${plan.id}><span class="bar-words">${t('plan.draft')} <bdi
      >${plan.title}</bdi></span>
      <button type="button" class="plain" @click=${() => plans.open(state.selected,
    plan)}>${t('plan.edit')}</button>
      <button type="button" class="plain" ?disabled=${plans.busy.has(plan.id)}
        @click=${() => plans.step('submit', plan)}>${t('plan.submit')}</button>
      <button type="button" class="plain" ?disabled=${plans.busy.has(plan.id)}
        @click=${() => plans.step('cancel', plan)}>${t('plan.drop')}</button>
    </aside>`)}</div>`;
}

// --- dialogs -------------------------------------------------------------------

export function planDialog({ plans }) {
  const { dialog } = plans;
  if (!dialog) {
    return nothing;
  }
  return html`<dialog class="sheet plan-dialog" aria-labelledby="plan-dialog-title"
    @cancel=${(event) => {
      event.preventDefault();
      plans.close();
    }}>${dialog.kind === 'form' ? form(plans, dialog)
      : question(plans, dialog)}</dialog>`;
}

const CURRENCIES = ['USD', 'EUR', 'GBP', 'AED', 'BHD', 'CHF', 'EGP', 'IQD', 'JOD',
  'KWD', 'LBP', 'LYD', 'MAD', 'OMR', 'QAR', 'SAR', 'TND', 'TRY', 'YER'];

function currencyName(code) {
  try {
    return `${code} · ${new Intl.DisplayNames(locale(), { type: 'currency' })
      .of(code)}`;
  } catch {
    return code;
  }
}

/** A field with its name above and what is wrong with it below. */
function field(dialog, name, label, input, hint = nothing) {
  const wrong = dialog.errors[name];
  return html`<div class="field ${wrong ? 'wrong' : ''}" data-field=${name}>
    <label for="plan-${name}">${label}</label>${input}
    ${wrong ? html`<p class="field-why" id="plan-${name}-why" role="alert"
      >${wrong}</p>` : hint}</div>`;
}

function line(plans, dialog, name, extra = {}) {
  return html`<input id="plan-${name}" name=${name} autocomplete="off" dir="auto"
    .value=${dialog.fields[name]} inputmode=${extra.mode ?? 'text'}
    ?required=${extra.required ?? false}
    aria-invalid=${dialog.errors[name] ? 'true' : 'false'}
    aria-describedby="plan-${name}-why"
    @input=${(event) => plans.input(name, event.currentTarget.value)}>`;
}

function area(plans, dialog, name, rows) {
  return html`<textarea id="plan-${name}" name=${name} rows=${rows} dir="auto"
    .value=${dialog.fields[name]}
    aria-invalid=${dialog.errors[name] ? 'true' : 'false'}
    aria-describedby="plan-${name}-why"
    @input=${(event) => plans.input(name, event.currentTarget.value)}
    ></textarea>`;
}

function form(plans, dialog) {
  const { fields } = dialog;
  const codes = CURRENCIES.includes(fields.currency) ? CURRENCIES
    : [fields.currency, ...CURRENCIES];
  return html`<form novalidate @submit=${(event) => {
    event.preventDefault();
    plans.save(event.submitter?.value ?? 'submitted');
  }}>
    <h2 id="plan-dialog-title">${t(dialog.plan ? 'plan.edit.title'
      : 'plan.new')}</h2>
    ${field(dialog, 'title', t('plan.field.title'),
      line(plans, dialog, 'title', { required: true }))}
    ${field(dialog, 'description', t('plan.field.description'),
      area(plans, dialog, 'description', 4))}
    <div class="field-pair">
      ${field(dialog, 'price', t('plan.field.price'),
        line(plans, dialog, 'price', { mode: 'decimal' }))}
      ${field(dialog, 'currency', t('plan.field.currency'), html`<select
        id="plan-currency" name="currency" @change=${(event) => plans.input(
          'currency', event.currentTarget.value)}>${codes.map((code) => html`
        <option value=${code} ?selected=${code === fields.currency}
        >${currencyName(code)}</option>`)}</select>`)}
    </div>
    <div class="field-pair">
      ${field(dialog, 'days', t('plan.field.days'),
        line(plans, dialog, 'days', { mode: 'numeric' }))}
      ${field(dialog, 'valid', t('plan.field.valid'),
        line(plans, dialog, 'valid', { mode: 'numeric' }))}
    </div>
    <label class="tick-box"><input type="checkbox" name="must"
      .checked=${fields.must} @change=${(event) => plans.input('must',
        event.currentTarget.checked)}><span>${t('plan.field.must')}</span></label>
    ${trouble(dialog)}
    <div class="dialog-choices">
      <button type="submit" class="solid" value="submitted"
        ?disabled=${dialog.busy}>${t('plan.submit')}</button>
      <button type="submit" class="outline" value="draft"
        ?disabled=${dialog.busy}>${t('plan.save')}</button>
      <button type="button" class="plain" @click=${() => plans.close()}
        >${t('plan.close')}</button>
    </div></form>`;
}

/** Accept, reject or cancel: asked once more, because nothing leads back. */
function question(plans, dialog) {
  const { kind, plan } = dialog;
  const price = priceText(plan, locale());
  return html`<form novalidate @submit=${(event) => {
    event.preventDefault();
    plans.decide();
  }}>
    <h2 id="plan-dialog-title">${t(`plan.ask.${kind}`)}</h2>
    <p class="plan-asked"><bdi>${plan.title}</bdi>${price
      ? html` · <bdi>${price}</bdi>` : nothing}</p>
    ${plan.description ? html`<p class="plan-text" dir="auto"
      >${plan.description}</p>` : nothing}
    ${kind === 'accept' ? html`<p class="faint">${t('plan.ask.accept.more')}</p>`
      : field(dialog, 'reason', t('plan.reason.optional'),
        area(plans, dialog, 'reason', 3))}
    ${trouble(dialog)}
    <div class="dialog-choices">
      <button type="submit" class="solid ${kind === 'accept' ? '' : 'grave'}"
        ?disabled=${dialog.busy}>${t(`plan.${kind}`)}</button>
      <button type="button" class="plain" @click=${() => plans.close()}
        >${t('plan.close')}</button>
    </div></form>`;
}

function trouble(dialog) {
  return dialog.failed ? html`<p class="dialog-trouble" role="alert"
    >${dialog.failed}</p>` : nothing;
}

