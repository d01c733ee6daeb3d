// SPDX-License-Identifier: Apache-2.0
//
// account.js - one's own affairs: where one is logged in, the password, out of
// everything. A dialog of its own, which the rest of the page knows nothing of: it is
// made when it is opened and gone when it is closed. view/account.js draws it.

import { render } from '../lib/lit-html.js';
import { t } from './i18n.js';
import { accountDialog } from './view/account.js';
import { ask } from './view/ask.js';

const NO_FORM = { busy: false, error: null, done: false };

export class Account {
  /**
   * @param api     the server (api.js)
   * @param me      who is logged in
   * @param logout  (): what the button of the page does
   */
  constructor({ api, me, logout }) {
    this.api = api;
    this.me = me;
    this.logout = logout;
    this.sessions = null; // lists of the server; null: not there yet
    this.tokens = null;
    this.failed = null; // a sentence
    this.form = { ...NO_FORM };
    this.dialog = null;
  }

  open() {
    if (this.dialog !== null) {
      return;
    }
    this.dialog = document.createElement('dialog');
    this.dialog.className = 'sheet account-dialog';
    this.dialog.setAttribute('aria-label', t('account.title'));
    this.dialog.addEventListener('close', () => {
      this.dialog.remove();
      this.dialog = null;
    });
    // A click on what is behind it closes it, as people expect.
    this.dialog.addEventListener('click', (event) => {
      if (event.target === this.dialog) {
        this.dialog.close();
      }
    });
    document.body.append(this.dialog);
    this.form = { ...NO_FORM };
    this.draw();
    this.dialog.showModal();
    this.load();
  }

  async load() {
    await this.trying(async () => {
      const [{ sessions }, { tokens }] = await Promise.all([
        this.api.get('/chat/sessions'), this.api.get('/chat/tokens')]);
      this.sessions = sessions;
      this.tokens = tokens;
    });
  }

  /** Do something; when it fails, say so above the lists. */
  async trying(what) {
    this.failed = null;
    try {
      await what();
    } catch {
      this.failed = t('account.failed');
    }
    this.draw();
  }

  remove(path) {
    return this.api.request('DELETE', this.api.prefix + path, {});
  }

  /** @param kind  sessions or tokens */
  end(kind, id) {
    return this.trying(async () => {
      try {
        await this.remove(`/chat/${kind}/${id}`);
      } catch (error) {
        if (error.status !== 404) { // 404: gone meanwhile
          throw error;
        }
      }
      this[kind] = this[kind].filter((item) => item.id !== id);
    });
  }

  async endOthers() {
    if (await ask(t('account.others.sure'), t('account.others'))) {
      this.trying(async () => {
        await Promise.all([this.remove('/chat/sessions'), this.remove('/chat/tokens')]);
        await this.load();
      });
    }
  }

  async endAll() {
    if (await ask(t('account.everywhere.sure'), t('account.everywhere'))) {
      this.trying(async () => {
        await Promise.all([this.remove('/chat/sessions'), this.remove('/chat/tokens')]);
        this.dialog.close();
        this.logout();
      });
    }
  }

  async changePassword(form) {
    const data = new FormData(form);
    const [old, next, again] = ['current', 'next', 'again'].map((name) => data.get(name));
    const say = (error, done = false) => {
      this.form = { busy: false, error, done };
      this.draw();
    };
    if (next !== again) {
      say(t('password.differ'));
      return;
    }
    this.form = { busy: true, error: null, done: false };
    this.draw();
    try {
      await this.api.post('/chat/password', { current_password: old, password: next });
      form.reset();
      say(null, true);
      this.load();
    } catch (error) {
      const fields = error.body?.errors ?? {};
      say(error.status === 429 ? t('login.often')
        : fields.current_password ? t('password.wrong')
          : fields.password ? t('password.rule') : t('account.failed'));
    }
  }

  draw() {
    if (this.dialog !== null) {
      render(accountDialog(this, Date.now()), this.dialog);
    }
  }
}
