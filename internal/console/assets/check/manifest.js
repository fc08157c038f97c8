// Lines of a bag's tag files, and paths in manifests (RFC 8493, 2.1.3), as the Go
// package bag reads them.

import { text } from "./bytes.js";

export const maxManifest = 512 << 20;

const maxLine = 16 << 10;
const piece = 1 << 20;

// Damaged is why a bag could not be checked at all.
export class Damaged extends Error {
  constructor(code, values = {}) {
    super(code);
    this.code = code;
    this.values = values;
  }
}

// lines yields a file's lines as bytes, which LF, CR or CRLF end, in pieces that
// fit in memory.
export async function* lines(file, longest = maxLine - 1) {
  let rest = new Uint8Array();
  let returned = false; // a CR ended the piece before
  for (let at = 0; at < file.size; at += piece) {
    const read = new Uint8Array(await file.slice(at, at + piece).arrayBuffer());
    let start = returned && read[0] === 10 ? 1 : 0;
    returned = false;
    for (let i = start; i < read.length; i++) {
      if (read[i] !== 10 && read[i] !== 13) continue;
      const line = join(rest, read.subarray(start, i), longest);
      rest = new Uint8Array();
      if (read[i] === 13 && i + 1 === read.length) returned = true;
      if (read[i] === 13 && read[i + 1] === 10) i++;
      start = i + 1;
      yield line;
    }
    rest = join(rest, read.subarray(start), longest);
  }
  if (rest.length > 0) yield rest;
}

function join(front, back, longest) {
  if (front.length + back.length > longest) throw new Damaged("line", { most: longest });
  if (front.length === 0) return back;
  const all = new Uint8Array(front.length + back.length);
  all.set(front);
  all.set(back, front.length);
  return all;
}

const blank = (byte) => byte === 32 || byte === 9;

// manifestLine reads a line of a manifest whose hashes have so many bytes: {sum,
// path}, or {wrong: "sum" or "path"}.
export function manifestLine(bytes, size) {
  let at = bytes.findIndex(blank);
  const sum = new TextDecoder().decode(bytes.subarray(0, Math.max(at, 0))).toLowerCase();
  if (at < 0 || sum.length !== 2 * size || !/^[0-9a-f]*$/.test(sum)) return { wrong: "sum" };
  while (at < bytes.length && blank(bytes[at])) at++;
  if (bytes[at] === 42) at++; // the mark of binary mode, "*"
  const written = text(bytes.subarray(at));
  const path = written?.replace(/%(0a|0d|25)/gi, (_, code) => String.fromCharCode(parseInt(code, 16)));
  return written !== null && isInside(path) ? { sum, path } : { wrong: "path" };
}

// isInside says whether a path is relative, clean, and safe on every system.
function isInside(path) {
  return path.split("/").every((s) => s !== "" && s !== "." && s !== "..") && !/[\\:\0]/.test(path);
}
