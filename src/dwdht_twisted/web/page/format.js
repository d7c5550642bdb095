// Numbers, times and ids as texts.

const whole = new Intl.NumberFormat("en");

export const count = (number) => whole.format(number);

/** `3 nodes`, `1 node`. */
export const countOf = (number, noun) => `${count(number)} ${noun}${number === 1 ? "" : "s"}`;

export const shortId = (id) => (id === null ? "no id" : id.slice(0, 8));

export const addressOf = (node) => `${node.host}:${node.port}`;

export function seconds(time) {
  if (time < 0.1) return `${(time * 1000).toFixed(1)} ms`;
  if (time < 1) return `${Math.round(time * 1000)} ms`;
  if (time < 120) return `${time.toFixed(time < 10 ? 1 : 0)} s`;
  if (time < 7200) return `${Math.round(time / 60)} min`;
  if (time < 172800) return `${Math.round(time / 3600)} h`;
  return `${Math.round(time / 86400)} days`;
}

export function bytes(number) {
  if (number < 1000) return `${Math.round(number)} B`;
  if (number < 1e6) return `${(number / 1e3).toFixed(1)} kB`;
  if (number < 1e9) return `${(number / 1e6).toFixed(1)} MB`;
  return `${(number / 1e9).toFixed(1)} GB`;
}

export function decimal(number) {
  return number < 10 ? number.toFixed(1) : count(Math.round(number));
}

const ID_BITS = 256;

/** The bits that two ids share, with a fraction: 256 minus the binary logarithm of the distance. */
export function closeness(id, target) {
  const apart = BigInt(`0x${id}`) ^ BigInt(`0x${target}`);
  if (apart === 0n) return ID_BITS;
  const digits = apart.toString(2);
  const start = digits.slice(0, 32);
  return ID_BITS - (digits.length - 1) - Math.log2(parseInt(start, 2) / 2 ** (start.length - 1));
}

/** The whole number of leading bits that two ids share. */
export const sharedBits = (id, target) => Math.min(ID_BITS, Math.ceil(closeness(id, target)) - 1);
