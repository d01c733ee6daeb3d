// SPDX-License-Identifier: Apache-2.0
//
// app.js - START HERE. The page's parts, put together: what the server tells
// (sync.js, live.js) goes through the store (store.js) to the views (view/);
// what people do comes back as `actions`. One object, one page.
//
//   event pushed or synced -> heard() -> store -> draw()
//   someone writes -> actions.send -> outbox -> POST -> store -> draw()
//
// draw() may be called at any time and any number of times; one drawing follows
// at the end of the current turn.

import { render } from '../lib/lit-html.js';
import { Account } from './account.js';
import { Api } from './api.js';
import * as around from './around.js';
import { Finder } from './finder.js';
import { readConfig } from './config.js';
import { Deeds } from './deeds.js';
import { Files } from './files.js';
import { has, startLanguage, t } from './i18n.js';
import { Deliveries } from './deliveries.js';
import { Keep } from './keep.js';
import { GRACE, linkState } from './link.js';
import { Live } from './live.js';
import { Outbox, isPassing } from './outbox.js';
import { Receipts } from './receipts.js';
import { Plans } from './plans.js';
import * as route from './route.js';
import { People } from './panel.js';
import * as store from './store.js';
import { Sync } from './sync.js';
import { newId } from './text.js';
import { Typing } from './typing.js';
import { isPicture } from './view/attachments.js';
import { ask } from './view/ask.js';
import { composerLook, grow } from './view/composer.js';
import { placeDialog } from './view/deeds.js';
import { Scroll } from './view/scroll.js';
import { shell } from './view/shell.js';
import { Viewer } from './view/viewer.js';
import { Voice } from './voice.js';

/* How often we ask when nothing else makes us, ms. With a socket it is only a
 * safety net; staff are no members and hear of most conversations this way. */
const ASK_LIVE = 60e3;
const ASK_STAFF = 15e3;
const ASK_SLOW = 20e3;
const ASK_FAILED = [2000, 4000, 8000, 15e3, ASK_SLOW];

const TYPING_BELIEVED = 5500; // ms after the last word of it
const NOTICE_SHOWN = 8000; // ms
const FOUND_SHOWN = 2500; // ms an answered message stands out
const PER_PAGE = 40; // messages
const PUSH_LATE = 3000; // ms a pushed event may be behind a sync
const SUSPECT_AFTER = 10e3; // ms; a younger socket is not suspected

class App {
  constructor(root) {
    this.root = root;
    this.config = readConfig();
    this.keep = new Keep(this.config.prefix, this.config.user.id,
      sessionStorage);
    this.state = store.createState(this.config.user);
    this.state.selected = route.keyIn(location.pathname);
    this.filter = '';
    this.drafts = this.keep.read('drafts', {}); // key -> text
    this.notice = null;
    // What the last drawing showed: conversation, textarea, composerLook();
    // and the conversation whose "new" line was placed.
    this.drawn = { key: null, area: null, look: '', opened: null };
    this.willDraw = false;
    this.reachable = null; // true, false, or null: not asked yet
    this.answered = true; // a failing server answers, a missing one does not
    this.downSince = Date.now(); // ms; no socket since
    this.failures = 0; // syncs in a row
    this.leaving = false; // the login is over or the person logs out
    this.makeParts();
    this.actions = this.makeActions();
  }

  makeParts() {
    const { state } = this;
    const draw = () => this.draw();
    this.api = new Api({
      prefix: this.config.prefix,
      csrf: this.config.csrf_token,
      reached: (status) => this.reached(status),
      ended: () => this.goToLogin(),
    });
    this.account = new Account({
      api: this.api,
      me: this.config.user,
      logout: () => this.logout(),
    });
    this.outbox = new Outbox({
      send: async (entry) => (await this.api.send(entry.key, entry.content,
        entry.clientId, entry.replyTo?.id, entry.attachments)).message,
      sent: (message) => {
        store.putSent(state, message);
        draw();
      },
      changed: draw,
      save: (entries) => this.keep.write('outbox', entries),
      later: (then, ms) => {
        const timer = setTimeout(then, ms);
        return () => clearTimeout(timer);
      },
    });
    this.makeFiles();
    this.deeds = new Deeds({
      state,
      api: this.api,
      rules: this.config.rules,
      keep: this.keep,
      changed: draw,
      tell: (key) => this.tell(t(key)),
      spare: (key, text) => this.spare(key, text),
    });
    this.sync = new Sync({
      ask: (cursor) => this.api.sync(cursor),
      apply: (events) => this.caughtUp(events),
      reload: () => this.reload(),
    });
    this.live = new Live({
      Pusher: window.Pusher,
      config: this.config,
      location: window.location,
      authorize: (socketId, name) => this.api.authorize(socketId, name),
      isPassing,
      event: (name, data) => this.heard(name, data),
      changed: () => this.linkChanged(),
      joined: () => this.ask(),
      present: draw,
      putOut: () => this.refreshList(),
    });
    this.people = new People({
      state, api: this.api, live: this.live, changed: draw,
    });
    this.deliveries = new Deliveries({
      report: (key, upTo) => this.api.delivered(key, upTo),
      unread: (key, id) => store.isWaiting(state, key, id),
    });
    this.finder = new Finder({ state, api: this.api, draw,
      scroll: () => this.scroll });
    this.scroll = new Scroll({
      changed: draw,
      nearTop: () => this.loadOlder(),
      nearEnd: () => this.finder.loadNewer(),
    });
    this.receipts = new Receipts({
      state,
      report: (key, ids) => this.api.read(key, ids),
      inView: () => document.visibilityState === 'visible'
        && document.hasFocus() && this.scroll.settled && this.scroll.atEnd
        && state.around === null,
      changed: draw,
    });
    this.plans = new Plans({
      state,
      api: this.api,
      keep: this.keep,
      draw,
      tell: (words) => this.tell(words),
    });
    this.typing = new Typing({
      report: (key, typing) => {
        this.api.typing(key, typing, this.live.socketId).catch(() => {});
      },
    });
  }

  makeFiles() {
    const { api } = this;
    const draw = () => this.draw();
    this.files = new Files({
      upload: (key, file, voice, progress) => api.upload(key, file, voice,
        progress),
      remove: (file) => api.removeFile(file),
      changed: draw,
      save: (lists) => this.keep.write('files', lists),
      limits: this.config.files ?? null,
      preview: {
        of: (file) => URL.createObjectURL(file),
        drop: (address) => address && URL.revokeObjectURL(address),
      },
    });
    this.voice = new Voice({
      done: (key, file) => this.files.add(key, [file], true),
      failed: () => this.tell(t('voice.failed')),
      changed: draw,
    });
    this.urls = {
      file: (file) => api.fileUrl(file),
      thumb: (file) => api.thumbUrl(file),
    };
    this.viewer = new Viewer(this.urls);
  }

  start() {
    this.files.restore(this.keep.read('files', {}));
    this.outbox.restore(this.keep.read('outbox', []));
    this.live.start();
    this.live.watch(this.state.selected);
    this.listen();
    this.draw();
    this.ask();
    // Times age, and a person who stopped typing is forgotten.
    setInterval(() => this.draw(), 30e3);
  }

  listen() {
    addEventListener('online', () => this.hurry());
    addEventListener('offline', () => this.draw());
    addEventListener('focus', () => this.draw());
    addEventListener('pageshow', (event) => event.persisted && this.hurry());
    addEventListener('popstate', () => {
      const left = this.state.selected;
      this.select(route.keyIn(location.pathname));
      this.focusEntry(left);
    });
    document.addEventListener('visibilitychange', () => {
      if (document.visibilityState === 'visible') {
        this.ask();
        this.draw();
      }
    });
    addEventListener('beforeunload', (event) => {
      if (this.outbox.size + this.files.size > 0 && !this.leaving) {
        event.preventDefault();
      }
    });
  }

  // --- what people do --------------------------------------------------------

  makeActions() {
    return {
      open: (key) => {
        route.show(key);
        this.select(key);
        this.focusThread();
      },
      back: () => route.leave(),
      filter: (text) => {
        this.filter = text;
        this.finder.all.type(text);
        this.draw();
      },
      ...this.finder.actions(),
      openAt: (key, id) => {
        route.show(key);
        this.select(key);
        this.finder.jump(key, id);
        queueMicrotask(() => this.root.querySelector('.log')?.focus());
      },
      openFind: () => {
        this.finder.open();
        queueMicrotask(() => this.root.querySelector('.find input')?.focus());
      },
      closeFind: () => {
        this.finder.close();
        queueMicrotask(() => this.root.querySelector('.find-open')?.focus());
      },
      send: (key, content) => this.send(key, content),
      answer: (key, message) => this.begin(() => (
        this.deeds.answer(key, message))),
      edit: (key, message) => this.begin(() => this.deeds.edit(key, message)),
      finishEdit: (key) => this.deeds.finishEdit(key),
      giveUp: (key) => this.giveUp(key),
      showMessage: (id) => this.showMessage(id),
      draft: (key, text) => this.draft(key, text),
      addFiles: (key, files) => this.files.add(key, files),
      dropFile: (key, chip) => this.files.drop(key, chip),
      retryFile: (chip) => this.files.retry(chip),
      filesWait: (key) => this.filesWait(key),
      startVoice: (key) => this.voice.start(key),
      stopVoice: (keep) => this.voice.stop(keep),
      view: (id) => this.view(id),
      stopTyping: () => this.typing.stopped(),
      retry: (clientId) => this.outbox.retry(clientId),
      discard: (clientId) => this.outbox.discard(clientId),
      older: () => this.loadOlder(),
      toEnd: () => {
        this.finder.leaveAround();
        this.scroll.toEndNext = true;
        this.draw();
      },
      moreConversations: () => this.loadList(this.state.next, true)
        .catch(() => {}),
      ...this.people.actions(),
      hurry: () => this.hurry(),
      breakGlass: (key, reason) => this.breakGlass(key, reason),
      account: () => this.account.open(),
      logout: this.config.logout === null ? null : () => this.logout(),
    };
  }

  select(key) {
    const { state } = this;
    if (key === state.selected) {
      return;
    }
    this.typing.stopped();
    state.selected = key;
    this.drawn.opened = null;
    this.finder.selected();
    this.live.watch(key);
    if (key !== null) {
      this.openAt(key);
      this.loadThread(key).catch(() => {});
    }
    this.draw();
  }

  /** Once per visit, as soon as its messages are there: where "new" begins. */
  openAt(key) {
    const { state } = this;
    if (this.drawn.opened !== key && state.selected === key
        && store.threadOf(state, key).loaded) {
      this.drawn.opened = key;
      store.placeUnreadLine(state, key);
    }
  }

  /** Into what was just opened: where one writes, or on a phone, whose keyboard
   *  would cover it, to its name. */
  focusThread() {
    const target = matchMedia('(pointer: fine)').matches ? 'textarea'
      : '.thread-who h2';
    queueMicrotask(() => this.root.querySelector(target)?.focus());
  }

  /** Back in the list, at the conversation one came from. */
  focusEntry(key) {
    if (this.state.selected === null && key !== null) {
      queueMicrotask(() => this.root.querySelector(
        `.entry[data-conversation="${CSS.escape(key)}"]`)?.focus());
    }
  }

  /** Something that is written in the composer. */
  begin(deed) {
    deed();
    this.deeds.hide();
    this.draw();
    queueMicrotask(() => queueMicrotask(() => (
      this.root.querySelector('textarea')?.focus())));
  }

  /** Neither answer nor edit. @return whether one was begun */
  giveUp(key) {
    const begun = Boolean(this.deeds.editing(key) || this.deeds.answers[key]);
    this.deeds.cancelEdit(key);
    this.deeds.cancelAnswer(key);
    this.root.querySelector('textarea')?.focus();
    return begun;
  }

  /** To a message further up, wherever it is; it stands out for a moment. */
  async showMessage(id) {
    const { state, finder } = this;
    const key = state.selected;
    await finder.jump(key, id);
    if (state.selected !== key) {
      return;
    }
    await new Promise((drawn) => { requestAnimationFrame(drawn); });
    const row = this.root.querySelector(`[data-message="${CSS.escape(String(id))}"]`);
    if (!row) {
      this.tell(t(around.shownThread(state, key).messages.some((m) => m.id < id)
        ? 'deed.original.gone' : 'deed.failed'));
      return;
    }
    row.querySelector('button')?.focus({ preventScroll: true });
    setTimeout(() => finder.forget(id), FOUND_SHOWN);
  }

  send(key, content) {
    const replyTo = this.deeds.takeAnswer(key);
    this.draft(key, '');
    this.finder.leaveAround();
    this.scroll.toEndNext = true;
    this.outbox.add({
      clientId: newId(),
      key,
      content,
      attachments: this.files.take(key),
      replyTo,
      createdAt: new Date().toISOString(),
    });
  }

  /** A picture of the open conversation, among its others. */
  view(id) {
    const { messages } = around.shownThread(this.state, this.state.selected);
    this.viewer.open(messages.flatMap((m) => m.attachments ?? [])
      .concat(this.outbox.of(this.state.selected)
        .flatMap((entry) => entry.attachments ?? []))
      .filter(isPicture), id);
  }

  draft(key, text) {
    if (this.deeds.editing(key)) {
      this.deeds.editText(key, text);
      if (composerLook(text) !== this.drawn.look) {
        this.draw();
      }
      return;
    }
    if (text === '') {
      delete this.drafts[key];
    } else {
      this.drafts[key] = text;
    }
    this.keep.write('drafts', this.drafts);
    this.typing.typed(key, text);
    if (composerLook(text) !== this.drawn.look) {
      this.draw();
    }
  }

  /** A message was to go, and its files cannot: why, and which. */
  filesWait(key) {
    const why = this.files.waits(key);
    if (why !== null) {
      this.tell(t(`files.wait.${why}`));
      this.root.querySelector(`.file-chip[data-state="${why}"]`)
        ?.scrollIntoView({ block: 'nearest' });
    }
  }

  /** Words without a place stand where one writes, below a draft that is there. */
  spare(key, text) {
    this.drafts[key] = [this.drafts[key], text].filter(Boolean).join('\n');
    this.keep.write('drafts', this.drafts);
    this.drawn.key = null; // so that they are shown
    this.draw();
  }

  async logout() {
    const n = this.outbox.size;
    if (n > 0 && !await ask(t('logout.unsent', { n }), t('account.logout'))) {
      return;
    }
    try {
      await this.api.logout();
    } catch (error) {
      if (error.status !== 401) {
        this.tell(t('logout.failed'));
        return;
      }
    }
    this.keep.clear();
    this.goToLogin(this.config.logout);
  }

  /** @param to  where a log-in ends that its user has ended; null: it has ended by
   *  itself, and the next one leads back to where they are */
  goToLogin(to = null) {
    if (!this.leaving) {
      this.leaving = true;
      this.live.stop();
      const { selected } = this.state;
      location.assign(to ?? `${this.config.prefix}/chat/login${
        selected === null ? '' : `?conversation=${encodeURIComponent(selected)}`}`);
    }
  }

  // --- what the server tells -------------------------------------------------

  /** Ask what happened since; ask again later, sooner after a failure. */
  async ask() {
    clearTimeout(this.askTimer);
    try {
      await this.sync.run();
      this.failures = 0;
    } catch (error) {
      this.failures++;
      if (error.status === 422) {
        this.sync.drop();
      }
    }
    this.draw();
    this.lookAgain();
    this.askLater();
  }

  askLater() {
    clearTimeout(this.askTimer);
    if (!this.leaving) {
      this.askTimer = setTimeout(() => this.ask(), this.askWait());
    }
  }

  askWait() {
    const spread = 0.9 + Math.random() * 0.2; // many clients lose one server
    if (this.failures > 0) {
      return ASK_FAILED[Math.min(this.failures, ASK_FAILED.length) - 1]
        * spread;
    }
    if (!this.live.ready) {
      return ASK_SLOW * spread;
    }
    return (this.state.me.role === 'admin' ? ASK_STAFF : ASK_LIVE) * spread;
  }

  /** The network is back, or someone cannot wait. */
  hurry() {
    this.live.hurry();
    this.outbox.wake();
    this.files.wake();
    this.receipts.pay();
    this.ask();
  }

  /** Events of a sync, in order. One that the socket should have brought and
   *  did not, even a moment later, shows that it is open but dead. */
  caughtUp(events) {
    const { live } = this;
    const trusted = live.ready && Date.now() - live.since > SUSPECT_AFTER;
    for (const { event, data } of events) {
      const fresh = this.heard(event, data);
      if (fresh && trusted && event === 'MessageSent'
          && this.isOurs(data)) {
        setTimeout(() => {
          if (live.ready && !live.pushed.has(data.id)) {
            live.restart();
          }
        }, PUSH_LATE);
      }
    }
  }

  isOurs(data) {
    return store.isMember(this.state,
      this.state.conversations.get(store.conversationOf(data)));
  }

  /** One event, from wherever it came. False when it was known. */
  heard(name, data) {
    const { state } = this;
    if (name === 'UserTyping') {
      store.setTyping(state, data, Date.now() + TYPING_BELIEVED);
      setTimeout(() => this.draw(), TYPING_BELIEVED + 50);
      this.draw();
      return true;
    }
    if (!store.applyEvent(state, name, data)) {
      return false;
    }
    if (name === 'MessageSent' && store.isMine(state, data.message)) {
      this.outbox.confirm(data.message.client_id);
    }
    this.finder.heard(name, data);
    this.deeds.heard(name, data);
    if (name === 'MessageSent' && !store.isMine(state, data.message)
        && this.isOurs(data)) {
      this.deliveries.came(store.conversationOf(data), data.message.id);
    }
    if (name.startsWith('Member')) {
      this.people.renew(store.conversationOf(data));
    }
    this.announcePlan(name, data);
    if (state.stale) {
      this.refreshList();
    }
    this.draw();
    return true;
  }

  announcePlan(name, data) {
    const plan = name.match(/^Plan([A-Z][a-z]+)$/)?.[1];
    const isForMe = name !== 'PlanReminder'
      || !store.sameId(data.plan.doctor_id, this.state.me.id);
    if (plan && isForMe && has(`plan.${plan.toLowerCase()}`)) {
      this.tell(t(`plan.${plan.toLowerCase()}`));
    }
  }

  tell(words) {
    this.notice = words;
    clearTimeout(this.noticeTimer);
    this.noticeTimer = setTimeout(() => {
      this.notice = null;
      this.draw();
    }, NOTICE_SHOWN);
    this.draw();
  }

  // --- loading ---------------------------------------------------------------

  /** Everything anew: at the start, and when the log cannot bridge the gap. */
  async reload() {
    const { selected } = this.state;
    this.finder.leaveAround();
    store.forgetEvents(this.state);
    await Promise.all([
      this.loadList(),
      selected === null ? null : this.loadThread(selected),
    ]);
  }

  async loadList(next = null, append = false) {
    try {
      const { conversations, next: after } = await this.api.list(next);
      store.putList(this.state, conversations, after, append);
      conversations.forEach(({ id }) => this.brought(store.keyOf(id)));
      this.checkOpen();
    } catch (error) {
      this.state.listFailed = true;
      throw error;
    } finally {
      this.draw();
    }
  }

  /** The open conversation, where the list says otherwise: it has been deleted, of
   *  which no event tells, or is there again. */
  checkOpen() {
    const { selected, conversations, next } = this.state;
    const thread = selected === null ? null : store.threadOf(this.state, selected);
    const listed = conversations.has(selected);
    const gone = !listed && next === null && thread?.loaded && thread.failed === null;
    if (gone || (listed && thread?.failed === 'missing')) {
      this.loadThread(selected).catch(() => {});
    }
  }

  /** What came while this page was not there has reached it now. */
  brought(key) {
    const { state } = this;
    const last = state.conversations.get(key)?.last_message;
    if (last && store.isWaiting(state, key, last.id)) {
      this.deliveries.came(key, last.id);
    }
  }

  /** An event the list does not explain; several of them, one request. */
  refreshList() {
    clearTimeout(this.refreshTimer);
    this.refreshTimer = setTimeout(() => {
      this.loadList().catch(() => {});
    }, 300);
  }

  /** No event tells of a conversation that staff have opened; and its time may be
   *  over. */
  lookAgain() {
    const key = this.state.selected;
    if (key !== null && store.threadOf(this.state, key).opened) {
      this.loadThread(key).catch(() => {});
    }
  }

  /** The newest messages of a conversation, and the conversation itself when
   *  the list (which may go on) does not have it. */
  async loadThread(key) {
    const { state } = this;
    const thread = store.threadOf(state, key);
    thread.failed = null;
    try {
      if (state.ready && !state.conversations.has(key)) {
        const { consultation } = await this.api.conversation(key);
        store.putConversation(state, consultation);
      }
      await this.people.needed(key); // to know what is new in a group
      const answer = await this.api.messages(key, null, PER_PAGE);
      store.putPage(state, key, answer.data, hasOlder(answer));
      around.joinEnd(state);
      this.brought(key);
      this.openAt(key);
      await this.plans.load(key).catch(() => {}); // cards say most of it
    } catch (error) {
      thread.failed = { 403: 'locked', 404: 'missing' }[error.status] ?? 'failed';
      if (thread.failed === 'failed') {
        throw error;
      }
    } finally {
      this.draw();
    }
  }

  /** @return what was wrong, or '' */
  async breakGlass(key, reason) {
    try {
      await this.api.breakGlass(key, reason);
    } catch (error) {
      return error.status === 422 ? t('locked.short') : t('locked.failed');
    }
    store.threadOf(this.state, key).opened = true;
    await this.loadThread(key).catch(() => {});
    return '';
  }

  async loadOlder() {
    const { state } = this;
    const key = state.selected;
    const thread = key === null ? null : around.shownThread(state, key);
    if (!thread?.loaded || !thread.hasMore || thread.olderLoading) {
      return;
    }
    thread.olderLoading = true;
    this.draw();
    try {
      const answer = await this.api.messages(key, thread.messages[0].id,
        PER_PAGE);
      if (thread === state.around) {
        around.putAround(state, thread, answer.data, 'older',
          hasOlder(answer));
      } else {
        store.putOlder(state, key, answer.data, hasOlder(answer));
      }
    } catch {
      // the button above the oldest message is still there
    } finally {
      thread.olderLoading = false;
      this.draw();
    }
  }

  // --- the connection --------------------------------------------------------

  /** How the last request fared. When the server is back, what waits goes. */
  reached(status) {
    const was = this.reachable;
    this.reachable = status > 0 && status < 500;
    this.answered = status > 0;
    if (was === false && this.reachable) {
      this.live.hurry();
      this.outbox.wake();
      this.files.wake();
      this.receipts.pay();
    }
    if (was !== false && !this.answered) {
      this.live.doubt();
    }
    if (was !== this.reachable) {
      this.draw();
    }
  }

  /** The socket came or went. When it went, ask at once: that brings what it
   *  no longer can, and shows whether the server is there at all. */
  linkChanged() {
    const { ready } = this.live;
    if (ready) {
      this.downSince = null;
    } else if (this.downSince === null) {
      this.downSince = Date.now();
      setTimeout(() => this.draw(), GRACE + 50);
      this.ask();
    }
    this.draw();
  }

  link() {
    return linkState({
      online: navigator.onLine,
      socket: this.live.ready,
      reachable: this.reachable,
      answered: this.answered,
      downSince: this.downSince ?? Date.now(),
      now: Date.now(),
    });
  }

  // --- drawing ---------------------------------------------------------------

  draw() {
    if (this.willDraw) {
      return;
    }
    this.willDraw = true;
    queueMicrotask(() => {
      this.willDraw = false;
      this.drawNow();
    });
  }

  drawNow() {
    const { state } = this;
    const key = state.selected;
    this.people.look(key);
    if (this.scroll.isAtEnd(key) && !state.around) {
      store.letOlderGo(store.threadOf(state, key));
    }
    this.scroll.before();
    render(shell({
      state,
      outbox: this.outbox,
      deeds: this.deeds,
      drafts: this.drafts,
      files: this.files,
      voice: this.voice,
      urls: this.urls,
      filter: this.filter,
      search: this.finder.all,
      find: this.finder.find,
      foundId: this.finder.foundId,
      notice: this.notice,
      people: this.people,
      link: this.link(),
      pollSeconds: ASK_SLOW / 1000,
      now: Date.now(),
      scroll: this.scroll,
      actions: this.actions,
      plans: this.plans,
    }), this.root);
    this.plans.drawn(this.root);
    const { open } = this.deeds;
    placeDialog(this.root, this.deeds,
      open && store.messageOf(state, open.key, open.id));
    this.fillComposer(key);
    this.scroll.after(this.root.querySelector('.log'), key,
      key === null ? null : around.shownThread(state, key));
    this.title();
    this.receipts.look();
  }

  /** The textarea is one element for all conversations; its text is not. */
  fillComposer(key) {
    const area = this.root.querySelector('.composer textarea');
    const edit = this.deeds.editing(key);
    const text = edit?.text ?? this.drafts[key] ?? '';
    const what = `${key} ${edit?.id ?? ''}`; // that its text is of
    this.drawn.look = composerLook(text);
    if (area && (this.drawn.key !== what || this.drawn.area !== area)) {
      area.value = text;
      grow(area);
    }
    this.drawn.key = what;
    this.drawn.area = area;
  }

  title() {
    const { state } = this;
    const n = store.unreadTotal(state);
    const open = state.conversations.get(state.selected);
    const words = [open && store.nameOf(state, open), t('app.name')]
      .filter(Boolean).join(' · ');
    document.title = n > 0 ? `(${store.unreadText(n)}) ${words}` : words;
  }
}

/** Both kinds of history answers: pages and keyset. */
function hasOlder(answer) {
  return answer.has_more ?? answer.next_page_url != null;
}

startLanguage();
new App(document.getElementById('app')).start();
