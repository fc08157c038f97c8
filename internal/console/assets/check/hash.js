// SHA-256 and SHA-512 (FIPS 180-4) of what comes in pieces. WebCrypto hashes only
// what is in memory whole, and a file of a package may be larger than memory; so
// files up to 32 MiB are hashed by WebCrypto, which is fast, and larger ones by
// this, a mebibyte at a time. Between two pieces the page goes on: no worker is
// needed for that, and none has to be allowed.

import { hex } from "./bytes.js";

const whole = 32 << 20;
const piece = 1 << 20;

// The constants are the first 64 bits of the fractions of roots of primes.
const primes = [];
for (let n = 2; primes.length < 80; n++) if (primes.every((p) => n % p !== 0)) primes.push(n);

function fraction(p, power) {
  const n = BigInt(p) << BigInt(64 * power);
  let low = 0n;
  let high = 1n << 80n;
  while (high - low > 1n) {
    const middle = (low + high) >> 1n;
    if (middle ** BigInt(power) > n) high = middle;
    else low = middle;
  }
  return BigInt.asUintN(64, low);
}

const upper = (n) => Number(n >> 32n) | 0;
const lower = (n) => Number(n & 0xffffffffn) | 0;
const cubes = primes.map((p) => fraction(p, 3));
const squares = primes.slice(0, 8).map((p) => fraction(p, 2));
const kHigh = Int32Array.from(cubes, upper);
const kLow = Int32Array.from(cubes, lower);

// Blocks cuts what comes into blocks and pads the end.
class Blocks {
  constructor(size, lengthBytes) {
    this.block = new Uint8Array(size);
    this.view = new DataView(this.block.buffer);
    this.lengthBytes = lengthBytes;
    this.filled = 0;
    this.total = 0;
  }

  update(bytes) {
    const size = this.block.length;
    this.total += bytes.length;
    let at = 0;
    if (this.filled > 0) {
      at = Math.min(size - this.filled, bytes.length);
      this.block.set(bytes.subarray(0, at), this.filled);
      this.filled += at;
      if (this.filled < size) return;
      this.compress(this.view, 0);
    }
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    for (; at + size <= bytes.length; at += size) this.compress(view, at);
    this.block.set(bytes.subarray(at));
    this.filled = bytes.length - at;
  }

  finish() {
    const { block, view } = this;
    const bits = BigInt(this.total) * 8n;
    block.fill(0, this.filled);
    block[this.filled] = 0x80;
    if (this.filled + 1 + this.lengthBytes > block.length) {
      this.compress(view, 0);
      block.fill(0);
    }
    view.setBigUint64(block.length - 8, bits);
    this.compress(view, 0);
  }
}

export class SHA256 extends Blocks {
  constructor() {
    super(64, 8);
    this.h = Int32Array.from(squares, upper);
    this.w = new Int32Array(64);
  }

  compress(view, at) {
    const { w, h } = this;
    for (let i = 0; i < 16; i++) w[i] = view.getInt32(at + 4 * i);
    for (let i = 16; i < 64; i++) {
      const x = w[i - 15];
      const y = w[i - 2];
      const s0 = ((x >>> 7) | (x << 25)) ^ ((x >>> 18) | (x << 14)) ^ (x >>> 3);
      const s1 = ((y >>> 17) | (y << 15)) ^ ((y >>> 19) | (y << 13)) ^ (y >>> 10);
      w[i] = (w[i - 16] + s0 + w[i - 7] + s1) | 0;
    }
    let a = h[0];
    let b = h[1];
    let c = h[2];
    let d = h[3];
    let e = h[4];
    let f = h[5];
    let g = h[6];
    let last = h[7];
    for (let i = 0; i < 64; i++) {
      const s1 = ((e >>> 6) | (e << 26)) ^ ((e >>> 11) | (e << 21)) ^ ((e >>> 25) | (e << 7));
      const t1 = (last + s1 + ((e & f) ^ (~e & g)) + kHigh[i] + w[i]) | 0;
      const s0 = ((a >>> 2) | (a << 30)) ^ ((a >>> 13) | (a << 19)) ^ ((a >>> 22) | (a << 10));
      const t2 = (s0 + ((a & b) ^ (a & c) ^ (b & c))) | 0;
      last = g;
      g = f;
      f = e;
      e = (d + t1) | 0;
      d = c;
      c = b;
      b = a;
      a = (t1 + t2) | 0;
    }
    h[0] += a;
    h[1] += b;
    h[2] += c;
    h[3] += d;
    h[4] += e;
    h[5] += f;
    h[6] += g;
    h[7] += last;
  }

  digest() {
    this.finish();
    return hex(bigEndian(this.h));
  }
}

// carry is what of a sum of low halves goes to the high one.
const carry = (sum) => (sum / 0x100000000) | 0;

// SHA512 keeps each number of 64 bits as two of 32: BigInt is slower by far.
export class SHA512 extends Blocks {
  constructor() {
    super(128, 16);
    this.h = Int32Array.from(squares.flatMap((n) => [upper(n), lower(n)]));
    this.high = new Int32Array(80);
    this.low = new Int32Array(80);
    this.s = new Int32Array(16);
  }

  compress(view, at) {
    const { high, low, h, s } = this;
    for (let i = 0; i < 16; i++) {
      high[i] = view.getInt32(at + 8 * i);
      low[i] = view.getInt32(at + 8 * i + 4);
    }
    for (let i = 16; i < 80; i++) {
      const xh = high[i - 15];
      const xl = low[i - 15];
      const yh = high[i - 2];
      const yl = low[i - 2];
      const s0h = ((xh >>> 1) | (xl << 31)) ^ ((xh >>> 8) | (xl << 24)) ^ (xh >>> 7);
      const s0l = ((xl >>> 1) | (xh << 31)) ^ ((xl >>> 8) | (xh << 24)) ^ ((xl >>> 7) | (xh << 25));
      const s1h = ((yh >>> 19) | (yl << 13)) ^ ((yl >>> 29) | (yh << 3)) ^ (yh >>> 6);
      const s1l = ((yl >>> 19) | (yh << 13)) ^ ((yh >>> 29) | (yl << 3)) ^ ((yl >>> 6) | (yh << 26));
      const sum = (low[i - 16] >>> 0) + (s0l >>> 0) + (low[i - 7] >>> 0) + (s1l >>> 0);
      low[i] = sum | 0;
      high[i] = (high[i - 16] + s0h + high[i - 7] + s1h + carry(sum)) | 0;
    }
    s.set(h);
    let ah = s[0], al = s[1], bh = s[2], bl = s[3], ch = s[4], cl = s[5], dh = s[6], dl = s[7];
    let eh = s[8], el = s[9], fh = s[10], fl = s[11], gh = s[12], gl = s[13], hh = s[14], hl = s[15];
    for (let i = 0; i < 80; i++) {
      const s1h = ((eh >>> 14) | (el << 18)) ^ ((eh >>> 18) | (el << 14)) ^ ((el >>> 9) | (eh << 23));
      const s1l = ((el >>> 14) | (eh << 18)) ^ ((el >>> 18) | (eh << 14)) ^ ((eh >>> 9) | (el << 23));
      const chh = (eh & fh) ^ (~eh & gh);
      const chl = (el & fl) ^ (~el & gl);
      const t1 = (hl >>> 0) + (s1l >>> 0) + (chl >>> 0) + (kLow[i] >>> 0) + (low[i] >>> 0);
      const t1h = (hh + s1h + chh + kHigh[i] + high[i] + carry(t1)) | 0;
      const t1l = t1 | 0;
      const s0h = ((ah >>> 28) | (al << 4)) ^ ((al >>> 2) | (ah << 30)) ^ ((al >>> 7) | (ah << 25));
      const s0l = ((al >>> 28) | (ah << 4)) ^ ((ah >>> 2) | (al << 30)) ^ ((ah >>> 7) | (al << 25));
      const mh = (ah & bh) ^ (ah & ch) ^ (bh & ch);
      const ml = (al & bl) ^ (al & cl) ^ (bl & cl);
      const e = (dl >>> 0) + (t1l >>> 0);
      const a = (t1l >>> 0) + (s0l >>> 0) + (ml >>> 0);
      hh = gh;
      hl = gl;
      gh = fh;
      gl = fl;
      fh = eh;
      fl = el;
      eh = (dh + t1h + carry(e)) | 0;
      el = e | 0;
      dh = ch;
      dl = cl;
      ch = bh;
      cl = bl;
      bh = ah;
      bl = al;
      ah = (t1h + s0h + mh + carry(a)) | 0;
      al = a | 0;
    }
    s.set([ah, al, bh, bl, ch, cl, dh, dl, eh, el, fh, fl, gh, gl, hh, hl]);
    for (let i = 0; i < 16; i += 2) {
      const sum = (h[i + 1] >>> 0) + (s[i + 1] >>> 0);
      h[i] += s[i] + carry(sum);
      h[i + 1] = sum | 0;
    }
  }

  digest() {
    this.finish();
    return hex(bigEndian(this.h));
  }
}

function bigEndian(words) {
  const out = new Uint8Array(4 * words.length);
  const view = new DataView(out.buffer);
  words.forEach((w, i) => view.setInt32(4 * i, w));
  return out;
}

const kinds = { sha256: ["SHA-256", SHA256], sha512: ["SHA-512", SHA512] };

// hash is a file's hashes of some kinds ("sha256", "sha512"), in hex. Progress
// hears how many bytes were read.
export async function hash(file, names, progress = () => {}) {
  if (file.size <= whole) {
    const bytes = await file.arrayBuffer();
    progress(file.size);
    return Promise.all(names.map(async (n) => hex(new Uint8Array(await crypto.subtle.digest(kinds[n][0], bytes)))));
  }
  const running = names.map((n) => new kinds[n][1]());
  for (let at = 0; at < file.size; at += piece) {
    const bytes = new Uint8Array(await file.slice(at, at + piece).arrayBuffer());
    for (const h of running) h.update(bytes);
    progress(bytes.length);
  }
  return running.map((h) => h.digest());
}
