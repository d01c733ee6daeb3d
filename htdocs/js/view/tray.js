// SPDX-License-Identifier: Apache-2.0
//
// view/tray.js - above where one writes: the files that will go along, how far
// each is, and what can be done about it; beside it the buttons that bring
// files. Also what a thread does with files that are dropped on it.

import { html, nothing } from '../../lib/lit-html.js';
import { repeat } from '../../lib/directives/repeat.js';
import { endingOf, sizeText } from '../files.js';
import { has, locale, t } from '../i18n.js';
import { canRecord } from '../voice.js';
import * as icons from './icons.js';

/** The chips of a conversation. */
export function tray({ files, actions }, key) {
  const chips = files.of(key);
  if (chips.length === 0) {
    return nothing;
  }
  return html`<ul class="tray" aria-label=${t('files.tray')}>
    ${repeat(chips, (chip) => chip.n, (chip) => chipOf(actions, key, chip))}
  </ul>`;
}

function chipOf(actions, key, chip) {
  return html`<li class="file-chip" data-state=${chip.state}>
    ${chip.picture ? html`<img src=${chip.picture} alt="" width="44"
      height="44">` : sign(chip)}
    <span class="file-words"><span class="file-name" dir="auto"
      >${chip.name}</span><span class="file-state" role="status"
      >${stateText(chip)}</span>${bar(chip)}</span>
    ${chip.state === 'failed' ? html`<button type="button" class="round"
      title=${t('message.retry')} @click=${() => actions.retryFile(chip)}
      >${icons.again()}<span class="sr-only">${t('message.retry')}</span>
      </button>` : nothing}
    <button type="button" class="round" title=${t('files.drop')}
      @click=${() => actions.dropFile(key, chip)}>${icons.close()}<span
      class="sr-only">${t('files.drop.name', { name: chip.name })}</span>
    </button>
  </li>`;
}

/** A drawing and the name's ending, where there is no picture. */
export function sign(file) {
  return html`<span class="file-sign" data-kind=${file.kind}>${
    file.kind === 'voice' ? icons.voice() : file.kind === 'image'
      ? icons.picture() : icons.paper()}<span aria-hidden="true"
    >${endingOf(file.name)}</span></span>`;
}

function stateText(chip) {
  if (chip.state === 'uploading') {
    return t('files.uploading', {
      n: new Intl.NumberFormat(locale(), { style: 'percent' })
        .format(chip.progress),
    });
  }
  if (chip.state === 'refused') {
    const why = `files.refused.${chip.why}`;
    return t(has(why) ? why : 'files.refused');
  }
  if (chip.state === 'done') {
    return chip.attachment.state === 'pending' ? t('files.pending')
      : sizeText(chip.size, locale());
  }
  return t(`files.${chip.state}`);
}

function bar(chip) {
  return chip.state === 'uploading'
    ? html`<progress max="1" value=${chip.progress}></progress>` : nothing;
}

/** The buttons that bring files; instead of them, while one speaks, those that
 *  end it. */
export function bringers({ files, voice, actions }, key) {
  if (files.limits === null) {
    return nothing;
  }
  if (voice.key === key) {
    return html`<span class="recording" role="status"><i></i>${
      t('voice.length', { time: minutes(voice.seconds) })}</span>
      <button type="button" class="round" title=${t('voice.cancel')}
        @click=${() => actions.stopVoice(false)}>${icons.close()}<span
        class="sr-only">${t('voice.cancel')}</span></button>
      <button type="button" class="round" title=${t('voice.done')}
        @click=${() => actions.stopVoice(true)}>${icons.tick()}<span
        class="sr-only">${t('voice.done')}</span></button>`;
  }
  return html`<label class="round attach" title=${t('files.pick')}>
      ${icons.clip()}<span class="sr-only">${t('files.pick')}</span>
      <input type="file" multiple class="sr-only" name="files"
        @change=${(event) => {
          actions.addFiles(key, event.currentTarget.files);
          event.currentTarget.value = ''; // the same file may come again
        }}></label>
    ${canRecord() ? html`<button type="button" class="round speak"
      title=${t('voice.start')} @click=${() => actions.startVoice(key)}
      >${icons.voice()}<span class="sr-only">${t('voice.start')}</span>
      </button>` : nothing}`;
}

function minutes(seconds) {
  const two = new Intl.NumberFormat(locale(), { minimumIntegerDigits: 2 });
  const one = new Intl.NumberFormat(locale());
  return `${one.format(Math.floor(seconds / 60))}:${two.format(seconds % 60)}`;
}

/** Pictures in the clipboard become files; words go where words go. */
export function pasted(event, key, actions) {
  const files = [...(event.clipboardData?.files ?? [])];
  if (files.length > 0) {
    event.preventDefault();
    actions.addFiles(key, files);
  }
}

const brings = (event, files) => files.limits !== null
  && [...(event.dataTransfer?.types ?? [])].includes('Files');

/** What a thread listens to. The class is set by hand, for no drawing depends
 *  on it. */
export function dropZone(key, { files, actions }) {
  return {
    over(event) {
      if (brings(event, files)) {
        event.preventDefault();
        event.currentTarget.classList.add('dropping');
      }
    },
    leave(event) {
      if (!event.currentTarget.contains(event.relatedTarget)) {
        event.currentTarget.classList.remove('dropping');
      }
    },
    drop(event) {
      event.currentTarget.classList.remove('dropping');
      if (brings(event, files)) {
        event.preventDefault();
        actions.addFiles(key, event.dataTransfer.files);
      }
    },
  };
}
