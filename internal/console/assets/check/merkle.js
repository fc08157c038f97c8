// Merkle trees: RFC 6962 for the log and the slots of a batch, and the map of
// journal heads (docs/ledger.md).

import { concat, sha256, uint64, utf8 } from "./bytes.js";
import { refuse } from "./refusal.js";

export const leafHash = (leaf) => sha256(concat(Uint8Array.of(0), leaf));

const node = (left, right) => sha256(concat(Uint8Array.of(1), left, right));

const bitLength = (n) => (n === 0n ? 0 : n.toString(2).length);

// rootOf is the root to which an inclusion proof leads (RFC 6962, 2.1.1), or null
// if it has another length than one for that index and size. Index and size are
// BigInt, and the index is below the size.
export async function rootOf(hash, index, size, path) {
  const inner = bitLength(index ^ (size - 1n));
  const border = (index >> BigInt(inner)).toString(2).replaceAll("0", "").length;
  if (path.length !== inner + border) return null;
  for (const [i, sibling] of path.entries()) {
    const left = i < inner && ((index >> BigInt(i)) & 1n) === 0n;
    hash = left ? await node(hash, sibling) : await node(sibling, hash);
  }
  return hash;
}

const headDepth = 64;

const domain = "\0writ/journal-head/v1\n";

// rootOfHead is the root of the map of heads to which a path leads.
export async function rootOfHead(label, seq, head, path) {
  if (path.length !== headDepth) refuse("form", `a head's path has ${path.length} hashes, not ${headDepth}`);
  hashes(path);
  const place = new DataView(label.buffer, label.byteOffset).getBigUint64(0);
  let hash = await sha256(concat(utf8(domain), label, uint64(seq), head));
  for (const [i, sibling] of path.entries()) {
    hash = ((place >> BigInt(i)) & 1n) === 0n ? await node(hash, sibling) : await node(sibling, hash);
  }
  return hash;
}

// hashes sees that a path is one of hashes.
export function hashes(path) {
  for (const h of path) if (h.length !== 32) refuse("form", `a hash of ${h.length} bytes`);
}
