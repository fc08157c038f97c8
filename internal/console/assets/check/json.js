// A reader of JSON for what is hashed: JSON.parse takes the last of two fields of
// one name, and rounds numbers. This one refuses the first and keeps the digits
// of the second, tells which bytes each value is, and puts bounds on depth.
//
// A value is {kind, start, end} with, by kind: object {members: Map of name to
// value}, array {items}, string {text}, number {digits}, true, false and null.

import { fromBase64, text as decode } from "./bytes.js";
import { refuse } from "./refusal.js";

const maxDepth = 16;

const form = (why) => refuse("form", why);

// read reads one value, and nothing may follow it.
export function read(bytes) {
  if (decode(bytes) === null) form("it is not UTF-8");
  const r = new Reader(bytes);
  const value = r.value(0);
  r.blank();
  if (r.at !== bytes.length) form("something follows the JSON");
  return value;
}

// folded is how names are compared: without case. Go's decoder takes "ſ" for an
// "s" and the sign of kelvin for a "k".
export function folded(name) {
  let out = "";
  for (const c of name) out += c === "\u0130" ? "i" : c === "\u017f" ? "s" : c.toLowerCase();
  return out;
}

const code = (c) => c.charCodeAt(0);
const escapes = { '"': '"', "\\": "\\", "/": "/", b: "\b", f: "\f", n: "\n", r: "\r", t: "\t" };

class Reader {
  constructor(bytes) {
    this.bytes = bytes;
    this.at = 0;
  }

  blank() {
    while (" \t\r\n".includes(String.fromCharCode(this.bytes[this.at] ?? 0))) this.at++;
  }

  // next passes over a character, or says that it is not there.
  next(c) {
    this.blank();
    if (this.bytes[this.at] !== code(c)) return false;
    this.at++;
    return true;
  }

  must(c) {
    if (!this.next(c)) form(`there is no ${c} at byte ${this.at}`);
  }

  value(depth) {
    this.blank();
    const start = this.at;
    const c = String.fromCharCode(this.bytes[start] ?? 0);
    let v;
    if (c === "{" || c === "[") {
      if (depth === maxDepth) form("the JSON is nested too deep");
      v = c === "{" ? this.object(depth) : this.array(depth);
    } else if (c === '"') {
      v = { kind: "string", text: this.string() };
    } else {
      v = this.word();
    }
    return { ...v, start, end: this.at };
  }

  object(depth) {
    const members = new Map();
    const seen = new Set();
    this.must("{");
    if (this.next("}")) return { kind: "object", members };
    do {
      this.blank();
      const name = this.string();
      const same = folded(name);
      if (seen.has(same)) form(`the field ${name.slice(0, 40)} is there twice`);
      seen.add(same);
      this.must(":");
      members.set(name, this.value(depth + 1));
    } while (this.next(","));
    this.must("}");
    return { kind: "object", members };
  }

  array(depth) {
    const items = [];
    this.must("[");
    if (this.next("]")) return { kind: "array", items };
    do items.push(this.value(depth + 1));
    while (this.next(","));
    this.must("]");
    return { kind: "array", items };
  }

  // string reads a string. Half a surrogate pair becomes U+FFFD, as in Go.
  string() {
    if (this.bytes[this.at] !== code('"')) form(`there is no " at byte ${this.at}`);
    const start = ++this.at;
    for (;;) {
      const c = this.bytes[this.at];
      if (c === undefined || c < 0x20) form("a string does not end");
      if (c === code('"')) break;
      this.at += c === code("\\") ? 2 : 1;
    }
    const raw = decode(this.bytes.subarray(start, this.at));
    if (raw === null) form("a string is not UTF-8");
    this.at++;
    if (!raw.includes("\\")) return raw;
    const out = raw.replace(/\\(?:u([0-9a-fA-F]{4})|(.)|$)/gsu, (_, digits, c) =>
      digits !== undefined ? String.fromCharCode(parseInt(digits, 16)) : (escapes[c] ?? form("a string has an escape that there is not")),
    );
    return out.toWellFormed();
  }

  word() {
    const start = this.at;
    while (/[-+.0-9A-Za-z]/.test(String.fromCharCode(this.bytes[this.at] ?? 0))) this.at++;
    const word = decode(this.bytes.subarray(start, this.at));
    if (word === "true" || word === "false" || word === "null") return { kind: word };
    if (!/^-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?$/.test(word)) form(`there is no value at byte ${start}`);
    if (!Number.isFinite(Number(word))) form("a number is too large");
    return { kind: "number", digits: word };
  }
}

// struct reads the fields of an object by a shape: name to reader. A field that
// is not there, or null, is undefined; one that the shape does not know is refused.
export function struct(value, shape, what) {
  const out = {};
  if (value.kind === "null") return out;
  if (value.kind !== "object") form(`${what} is no object`);
  const known = new Map(Object.keys(shape).map((name) => [folded(name), name]));
  for (const [name, v] of value.members) {
    const field = known.get(folded(name));
    if (field === undefined) form(`${what} has an unknown field`);
    out[field] = shape[field](v, field);
  }
  return out;
}

const unlessNull = (read) => (v, name) => (v.kind === "null" ? undefined : read(v, name));

export const string = unlessNull((v, name) => (v.kind === "string" ? v.text : form(`${name} is no string`)));
export const boolean = unlessNull((v, name) => (v.kind === "true" || v.kind === "false" ? v.kind === "true" : form(`${name} is neither true nor false`)));

const whole = (low, high) =>
  unlessNull((v, name) => {
    const n = v.kind === "number" && /^-?[0-9]{1,20}$/.test(v.digits) ? BigInt(v.digits) : null;
    if (n === null || n < low || n > high || (low === 0n && v.digits[0] === "-")) form(`${name} is no whole number of its size`);
    return n;
  });

// int and uint are numbers of 64 bits, as BigInt.
export const int = whole(-(1n << 63n), (1n << 63n) - 1n);
export const uint = whole(0n, (1n << 64n) - 1n);
const byte = whole(0n, 255n);

// binary is base64, or a list of numbers: Go's decoder takes both.
export const binary = unlessNull((v, name) => {
  if (v.kind === "array") return Uint8Array.from(v.items, (n) => Number(byte(n, name) ?? 0n));
  const b = v.kind === "string" ? fromBase64(v.text) : null;
  return b ?? form(`${name} is no base64`);
});

export const binaries = unlessNull((v, name) => {
  if (v.kind !== "array") form(`${name} is no list`);
  return v.items.map((item) => binary(item, name) ?? new Uint8Array());
});

const moment = /^([0-9]{4})-([0-9]{2})-([0-9]{2})T([0-9]{1,2}):([0-9]{2}):([0-9]{2})(?:[.,][0-9]+)?(?:Z|[-+]([0-9]{2}):([0-9]{2}))$/;

// time is RFC 3339, written without escapes, with the liberties that Go's
// time.Time takes: an hour of one digit, a comma, an offset of 24 hours.
export const time = (bytes) =>
  unlessNull((v, name) => {
    const raw = v.kind === "string" ? decode(bytes.subarray(v.start + 1, v.end - 1)) : null;
    const [, year, month, day, hour, minute, second, offHour = 0, offMinute = 0] = (raw?.match(moment) ?? []).map(Number);
    const leap = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
    const days = [31, leap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    const ok = year >= 0 && month >= 1 && month <= 12 && day >= 1 && day <= days[month - 1] && hour < 24 && minute < 60 && second < 60 && (offHour || 0) <= 24 && (offMinute || 0) <= 60;
    return ok ? raw : form(`${name} is no time`);
  });
