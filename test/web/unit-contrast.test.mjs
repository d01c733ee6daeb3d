// SPDX-License-Identifier: Apache-2.0
//
// Can everybody read it? The colours that css/base.css puts upon each other, light and
// dark, by the arithmetic of WCAG 2: 4.5 to 1 for words, 3 to 1 for edges and signs.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { root } from '../../dev/site.mjs';

const sheet = fs.readFileSync(path.join(root, 'htdocs/css/base.css'), 'utf8');
const [first, second] = [...sheet.matchAll(/:root \{([^}]*)\}/g)].map((m) => (
  Object.fromEntries([...m[1].matchAll(/--([\w-]+):\s*(#[0-9a-f]{6})/g)].map((c) => [c[1], c[2]]))));
const themes = { light: first, dark: { ...first, ...second } };

/* Which colour stands upon which. */
const WORDS = {
  ink: ['paper', 'surface', 'raised', 'sunk', 'wash', 'danger-wash', 'found'],
  soft: ['paper', 'surface', 'raised', 'sunk', 'wash'],
  'accent-strong': ['paper', 'surface', 'raised', 'sunk', 'wash'],
  danger: ['paper', 'surface', 'raised', 'sunk', 'danger-wash'],
  signal: ['paper', 'surface', 'wash'],
  surface: ['danger'],
  'on-accent': ['accent', 'accent-strong'],
  'on-mine': ['mine'],
  'on-mine-soft': ['mine'],
  'on-signal': ['signal'],
  'on-warn': ['warn-wash'],
};
const SIGNS = { accent: ['paper', 'surface', 'raised'], edge: ['surface', 'raised'], 'found-edge': ['surface'], 'tick-read': ['mine'] };

function light(colour) {
  const [r, g, b] = [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16) / 255)
    .map((v) => (v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

function contrast(a, b) {
  const [more, less] = [light(a), light(b)].sort((x, y) => y - x);
  return (more + 0.05) / (less + 0.05);
}

for (const [theme, colours] of Object.entries(themes)) {
  test(`words and signs stand out, ${theme}`, () => {
    assert.ok(Math.abs(contrast('#000000', '#ffffff') - 21) < 0.01);
    for (const [pairs, least] of [[WORDS, 4.5], [SIGNS, 3]]) {
      for (const [over, grounds] of Object.entries(pairs)) {
        for (const ground of grounds) {
          assert.ok(contrast(colours[over], colours[ground]) >= least,
            `${over} on ${ground}: ${contrast(colours[over], colours[ground]).toFixed(2)}`);
        }
      }
    }
  });
}
