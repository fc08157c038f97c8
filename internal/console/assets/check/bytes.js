// Bytes and their texts, read as the Go programs of Writ read them.

const encoder = new TextEncoder();

export const utf8 = (text) => encoder.encode(text);

// text decodes UTF-8, all of it, or returns null.
export function text(bytes) {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return null;
  }
}

export function concat(...parts) {
  const out = new Uint8Array(parts.reduce((n, p) => n + p.length, 0));
  let at = 0;
  for (const p of parts) {
    out.set(p, at);
    at += p.length;
  }
  return out;
}

export function equal(a, b) {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}

export function hex(bytes) {
  return Array.from(bytes, (b) => b.toString(16).padStart(2, "0")).join("");
}

// uint64 is 8 bytes, big-endian, of a BigInt.
export function uint64(n) {
  const out = new Uint8Array(8);
  new DataView(out.buffer).setBigUint64(0, n);
  return out;
}

const base64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

// fromBase64 decodes standard base64 with its padding, or returns null. Line
// breaks inside are passed over, and the bits that padding leaves over are not
// looked at, as in Go's base64.StdEncoding.
export function fromBase64(s) {
  s = s.replace(/[\r\n]/g, "");
  return base64.test(s) ? Uint8Array.from(atob(s), (c) => c.charCodeAt(0)) : null;
}

export function toBase64(bytes) {
  let s = "";
  for (const b of bytes) s += String.fromCharCode(b);
  return btoa(s);
}

export async function sha256(bytes) {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
}

// A space as Unicode and Go have it. JavaScript's own \s has one less and one more.
export const space = "[\\t-\\r \\u0085\\u00a0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000]";

const spaces = new RegExp(space + "+", "u");
const ends = new RegExp(`^${space}+|${space}+$`, "gu");

export const trim = (s) => s.replace(ends, "");

// fields are the words of a line.
export function fields(line) {
  const s = trim(line);
  return s === "" ? [] : s.split(spaces);
}

const maxUint64 = (1n << 64n) - 1n;

// decimal reads digits as a BigInt of at most 64 bits, or returns null.
export function decimal(s) {
  if (!/^[0-9]{1,1000}$/.test(s)) return null;
  const n = BigInt(s);
  return n <= maxUint64 ? n : null;
}
