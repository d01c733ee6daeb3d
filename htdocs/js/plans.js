// SPDX-License-Identifier: Apache-2.0
//
// plans.js - what people do with treatment plans: the doctor's form, the questions
// before a decision, and the requests that follow. One dialog at a time; what is
// written in the form is kept over a failure and a reload of the tab.

import { t } from './i18n.js';
import { FIELDS, bodyOf, fieldsOf, putPlan } from './plan.js';
import { newId } from './text.js';

export class Plans {
  /**
   * @param state  the store's
   * @param api    with plans(), planCreate(), planEdit(), planStep()
   * @param keep   of drafts, see keep.js
   * @param draw   (): the dialog or a plan may have changed
   * @param tell   (words): for a moment, to the person
   */
  constructor(parts) {
    Object.assign(this, parts);
    this.dialog = null;
    this.opener = null; // what had the focus before the dialog
    this.busy = new Set(); // ids of plans with a request under way
  }

  /** What the log does not show any more: drafts, and what waits further up. */
  async load(key) {
    const { data } = await this.api.plans(key);
    data.forEach((plan) => putPlan(this.state.plans, plan));
  }

  // --- the form ----------------------------------------------------------------

  /** @param plan  a draft to change, or null for a new one */
  open(key, plan = null) {
    const kept = plan ? null : this.keep.read(`plan.${key}`, null);
    this.dialog = {
      kind: 'form',
      key,
      plan,
      fields: kept?.fields
        ?? fieldsOf(plan, this.keep.read('plan.currency', 'USD')),
      clientId: kept?.clientId ?? newId(),
      errors: {}, // field -> sentence
      failed: null, // a sentence
      busy: false,
    };
    this.draw();
  }

  input(name, value) {
    const { dialog } = this;
    dialog.fields[name] = value;
    if (dialog.failed) {
      dialog.clientId = newId(); // another plan than the one that was refused
      dialog.failed = null;
      this.draw();
    }
    this.keepForm();
  }

  keepForm() {
    const { dialog } = this;
    if (!dialog.plan) {
      this.keep.write(`plan.${dialog.key}`,
        { fields: dialog.fields, clientId: dialog.clientId });
    }
  }

  /** @param status  'draft' or 'submitted' */
  async save(status) {
    const { dialog } = this;
    const { body, errors } = bodyOf(dialog.fields);
    if (dialog.busy || this.refused(errors)) {
      return;
    }
    await this.run(async () => {
      const answer = dialog.plan
        ? await this.change(dialog.plan, body, status)
        : await this.api.planCreate(dialog.key,
          { ...body, status, client_id: dialog.clientId });
      putPlan(this.state.plans, answer.plan);
      this.keep.write(`plan.${dialog.key}`, null);
      this.keep.write('plan.currency', body.currency);
      this.tell(t(status === 'draft' ? 'plan.saved' : 'plan.submitted'));
    });
  }

  async change(plan, body, status) {
    const answer = await this.api.planEdit(plan.id, body);
    return status === 'draft' ? answer
      : this.api.planStep(plan.id, 'submit', {});
  }

  /** Show what is wrong with fields. @return whether anything is */
  refused(errors) {
    const names = Object.keys(errors);
    this.dialog.errors = Object.fromEntries(names
      .map((name) => [name, t(errors[name])]));
    if (names.length > 0) {
      this.dialog.focus = names[0];
      this.draw();
    }
    return names.length > 0;
  }

  // --- decisions ---------------------------------------------------------------

  /** @param kind  'accept', 'reject' or 'cancel' */
  ask(kind, plan) {
    this.dialog = {
      kind, plan, fields: { reason: '' }, errors: {}, failed: null, busy: false,
    };
    this.draw();
  }

  decide() {
    const { kind, plan, fields } = this.dialog;
    const reason = fields.reason.trim();
    if (this.dialog.busy) {
      return;
    }
    if ([...reason].length > 500) {
      this.refused({ reason: 'plan.error.reason' });
      return;
    }
    this.run(async () => {
      const { plan: now } = await this.api.planStep(plan.id, kind,
        reason === '' ? {} : { reason });
      putPlan(this.state.plans, now);
    });
  }

  /** Without a question: a draft is submitted, a plan was seen. */
  async step(kind, plan) {
    if (this.busy.has(plan.id)) {
      return;
    }
    this.busy.add(plan.id);
    this.draw();
    try {
      const answer = await this.api.planStep(plan.id, kind, {});
      putPlan(this.state.plans, answer.plan);
    } catch (error) {
      this.took(error);
      this.tell(this.why(error));
    } finally {
      this.busy.delete(plan.id);
      this.draw();
    }
  }

  // --- both --------------------------------------------------------------------

  close() {
    this.dialog = null;
    this.draw();
  }

  /** A request of the dialog: it closes when that succeeded. */
  async run(request) {
    const { dialog } = this;
    Object.assign(dialog, { busy: true, errors: {}, failed: null });
    this.draw();
    try {
      await request();
      if (this.dialog === dialog) {
        this.dialog = null;
      }
    } catch (error) {
      dialog.busy = false;
      this.took(error);
      this.failed(dialog, error);
    }
    this.draw();
  }

  failed(dialog, error) {
    for (const [name, sentences] of Object.entries(error.body?.errors ?? {})) {
      dialog.errors[FIELDS[name] ?? name] = sentences[0];
      dialog.focus ??= FIELDS[name] ?? name;
    }
    if (Object.keys(dialog.errors).length === 0) {
      dialog.failed = this.why(error);
    }
  }

  /** A conflict tells what the plan is by now. */
  took(error) {
    if (error.body?.plan) {
      putPlan(this.state.plans, error.body.plan);
    }
  }

  why(error) {
    if (error.status === 409 && error.body?.plan) {
      return error.body.plan.status === 'submitted' ? t('plan.conflict.other')
        : t('plan.conflict', { status: t(`plan.is.${error.body.plan.status}`) });
    }
    return t(error.status === 403 || error.status === 404 ? 'plan.failed.gone'
      : 'plan.failed');
  }

  /** After a drawing: the dialog is shown as one, its first wrong field focused. */
  drawn(root) {
    const element = root.querySelector('dialog.plan-dialog');
    if (element && !element.open) {
      this.opener = document.activeElement;
      element.showModal();
    }
    // It leaves the page without being closed, so the browser gives nothing back.
    if (!element && this.opener) {
      const back = this.opener.isConnected ? this.opener
        : root.querySelector('.composer textarea');
      this.opener = null;
      back?.focus();
    }
    if (this.dialog?.focus) {
      element?.querySelector(`[name="${this.dialog.focus}"]`)?.focus();
      this.dialog.focus = undefined;
    }
  }
}
