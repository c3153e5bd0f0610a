// Short tones: a rising pair for done, a low pair for trouble, a dull buzz for refused, a tick for a scan. Silent until the first
// touch, as browsers demand. The shop sets how loud in till.toml, and each screen may differ.

import { settings } from "./settings.js";

const KEPT = "volume";
const LOUDEST = 0.3;
// frequency, after how many seconds
const TONES = { done: [[660, 0], [990, 0.09]], trouble: [[220, 0], [196, 0.16]], refused: [[140, 0], [140, 0.11], [140, 0.22]], tick: [[1320, 0]] };
const SHAPES = { trouble: "triangle", refused: "square" };
const SOFTER = { square: 0.4 }; // it carries further

let audio = null;

export function loudness() {
  const own = localStorage.getItem(KEPT);
  if (own !== null) return Number(own);
  return settings.sounds.on ? settings.sounds.volume_percent : 0;
}

export const setLoudness = (percent) => localStorage.setItem(KEPT, String(percent));

// Opening the sound device takes a moment; a scanner's digits must not wait for it.
for (const touch of ["pointerdown", "keydown"]) document.addEventListener(touch, () => setTimeout(start, 400), { once: true });

function start() {
  try { audio ??= new AudioContext(); } catch { audio = null; }
}

export function tone(name) {
  document.documentElement.dataset.tone = name; // what is heard can be seen by whoever cannot hear it, and by tests
  const percent = loudness();
  if (!percent || !audio || audio.state !== "running") return;
  const shape = SHAPES[name] ?? "sine";
  const loud = LOUDEST * (percent / 100) * (SOFTER[shape] ?? 1);
  for (const [frequency, after] of TONES[name]) {
    const voice = audio.createOscillator();
    const volume = audio.createGain();
    const at = audio.currentTime + after;
    voice.type = shape;
    voice.frequency.value = frequency;
    volume.gain.setValueAtTime(0.0001, at);
    volume.gain.exponentialRampToValueAtTime(loud, at + 0.01);
    volume.gain.exponentialRampToValueAtTime(0.0001, at + 0.1);
    voice.connect(volume).connect(audio.destination);
    voice.start(at);
    voice.stop(at + 0.12);
  }
}
