// Numbers, durations and sizes for people. What is not known is a dash.

export const UNKNOWN = "–";

const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const tenth = new Intl.NumberFormat("en", { maximumFractionDigits: 1 });
const clock = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" });

const known = (value) => value !== null && value !== undefined;

export const count = (value) => (known(value) ? whole.format(value) : UNKNOWN);

export function rate(value) {
  if (!known(value)) return UNKNOWN;
  return (value > 0 && value < 10 ? tenth : whole).format(value);
}

// 250 ms, 4.2 s, 42 s, 3 min 20 s, 2 h 5 min: as the sentences of the server have them.
export function span(seconds) {
  if (!known(seconds)) return UNKNOWN;
  if (seconds === 0) return "0 s";
  if (seconds < 0.9995) return `${seconds < 0.00995 ? tenth.format(seconds * 1000) : Math.round(seconds * 1000)} ms`;
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
  const all = Math.round(seconds);
  if (all < 60) return `${all} s`;
  const minutes = Math.floor(all / 60);
  if (minutes < 60) return `${minutes} min ${all % 60} s`;
  return `${whole.format(Math.floor(minutes / 60))} h ${minutes % 60} min`;
}

export function bytes(value) {
  if (!known(value)) return UNKNOWN;
  const units = ["B", "KiB", "MiB", "GiB"];
  let unit = 0;
  let size = value;
  while (size >= 1024 && unit < units.length - 1) { size /= 1024; unit += 1; }
  return `${size < 10 && unit ? tenth.format(size) : whole.format(size)} ${units[unit]}`;
}

export const percent = (share) => (known(share) ? `${Math.round(share * 100)} %` : UNKNOWN);

export const timeOfDay = (at) => clock.format(new Date(at * 1000));

export const words = (name) => name.replaceAll("_", " ");
