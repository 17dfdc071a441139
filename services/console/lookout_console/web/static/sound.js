// Sounds made here, so that no file need be fetched at the moment that counts. Browsers ask for one press first.

let context = null;

export const soundIsOn = () => context !== null && context.state === "running";

export async function soundOn() {
  context ??= new AudioContext();
  await context.resume();
  return soundIsOn();
}

export function soundOff() {
  context?.close();
  context = null;
}

function note(frequency, at, length) {
  const oscillator = new OscillatorNode(context, { frequency, type: "triangle" });
  const gain = new GainNode(context, { gain: 0 });
  gain.gain.setValueAtTime(0, at);
  gain.gain.linearRampToValueAtTime(0.35, at + 0.01);
  gain.gain.exponentialRampToValueAtTime(0.001, at + length);
  oscillator.connect(gain).connect(context.destination);
  oscillator.start(at);
  oscillator.stop(at + length);
}

// Red is three quick high notes, amber two, green one: told apart without looking.
export function sound(response) {
  if (!soundIsOn()) return;
  const times = { red: 3, amber: 2, green: 1 }[response] ?? 1;
  for (let i = 0; i < times; i += 1) note(response === "red" ? 1046 : 784, context.currentTime + i * 0.22, 0.2);
}
