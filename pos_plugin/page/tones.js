// Short tones: a rising pair for done, a low pair for trouble, a tick for a scan. Silent until the first touch, as browsers demand.

let audio = null;

const TONES = { done: [[660, 0], [990, 0.09]], trouble: [[220, 0], [196, 0.16]], tick: [[1320, 0]] };

// Opening the sound device takes a moment; a scanner's digits must not wait for it.
for (const touch of ["pointerdown", "keydown"]) document.addEventListener(touch, () => setTimeout(start, 400), { once: true });

function start() {
  try { audio ??= new AudioContext(); } catch { audio = null; }
}

export function tone(name) {
  if (!audio || audio.state !== "running") return;
  for (const [frequency, after] of TONES[name]) {
    const voice = audio.createOscillator();
    const volume = audio.createGain();
    const at = audio.currentTime + after;
    voice.type = name === "trouble" ? "triangle" : "sine";
    voice.frequency.value = frequency;
    volume.gain.setValueAtTime(0.0001, at);
    volume.gain.exponentialRampToValueAtTime(0.18, at + 0.01);
    volume.gain.exponentialRampToValueAtTime(0.0001, at + 0.12);
    voice.connect(volume).connect(audio.destination);
    voice.start(at);
    voice.stop(at + 0.14);
  }
}
