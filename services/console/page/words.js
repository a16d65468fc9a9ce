// Figures in words: what people read, the same on every screen.

const FORMS = {
  count: (value) => Math.round(value).toLocaleString("en-GB"),
  per_second: (value) => `${value < 10 ? value.toFixed(2) : value.toFixed(1)} /s`,
  ratio: (value) => `${(value * 100).toFixed(value > 0 && value < 0.01 ? 2 : 1)} %`,
  seconds: (value) => (value < 1 ? `${Math.round(value * 1000)} ms` : value < 120 ? `${value.toFixed(1)} s` : age(value)),
};

export const figure = (value, unit) => (value === null ? "unknown" : FORMS[unit](value));

export function age(seconds) {
  if (seconds < 120) return `${Math.round(seconds)} s`;
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`;
  return `${Math.round(seconds / 3600)} h`;
}

export const times = (multiplier) => `× ${multiplier.toFixed(2)}`;

export function element(name, properties = {}, ...children) {
  const made = document.createElement(name);
  Object.assign(made, properties);
  made.append(...children);
  return made;
}
