// Checks a receipt of Writ's ledger (docs/ledger.md, "Receipts"), as the Go
// package proof does, in this browser alone: nothing is asked of anybody.

import { concat, decimal, equal, fromBase64, hex, sha256, toBase64, utf8 } from "./bytes.js";
import { binaries, binary, boolean, int, read, string, struct, time, uint } from "./json.js";
import { hashes, leafHash, rootOf, rootOfHead } from "./merkle.js";
import { checkpoint, logKey, open, policy } from "./note.js";
import { Refusal, refuse } from "./refusal.js";

export const maxReceipt = 1 << 20;

const maxProof = 128 << 10;
const maxPath = 63;
const maxCheckpoint = 64 << 10;
const maxStatement = 4096;
const maxHidden = 64 << 10;
const maxSlots = 1n << 16n;

const publicKinds = ["policy", "release", "report", "batch"];

// check checks a receipt (a Uint8Array) against what is pinned: the log's key, the
// text of the witness policy ("" asks for no witness), and, if given, the most
// seconds that the newest cosignature may be old. It resolves to
//
//   {valid: true, steps: [{code, values}, …]}
//   {valid: false, steps, error: {code, why, values}}
//
// The steps are what was proven, in order, up to the first thing that is wrong.
// Numbers that may be large are BigInt; hashes are hex. Codes are in
// messages.en.yaml, those of errors in refusal.js.
export async function check(receipt, { key, policy: text = "", maxAge = 0, now = Date.now() / 1000 }) {
  const steps = [];
  const step = (code, values = {}) => steps.push({ code, values });
  try {
    await verify(receipt, { key, text, maxAge, now }, step);
    return { valid: true, steps };
  } catch (e) {
    if (!(e instanceof Refusal)) throw e;
    return { valid: false, steps, error: { code: e.code, why: e.why, values: e.values } };
  }
}

async function verify(bytes, trust, step) {
  if (!globalThis.crypto?.subtle) refuse("unsupported", "this page is not secure, so the browser gives it no cryptography", { algorithm: "WebCrypto" });
  const log = await logKey(trust.key);
  const asked = trust.text === "" ? null : await policy(trust.text);
  step("trust", { log: log.name, witnesses: asked === null ? 0 : asked.keys.length });
  const r = parse(bytes);
  step("form");
  const proof = tlogProof(r.proof ?? "");
  const cp = await signed(proof.checkpoint, log, asked, trust, step);
  await included(r.statement ?? new Uint8Array(), proof, cp);
  step("included", { index: proof.index, size: cp.size });
  const leaf = r.statement ?? new Uint8Array();
  const statement = decode(leaf, maxStatement);
  if (!publicKinds.includes(statement.kind)) refuse("form", "the statement is of no public kind");
  step("statement", { kind: statement.kind, at: statement.at });
  const batch = statement.kind === "batch" ? readBatch(statement.body) : null;
  if (batch !== null) marks(batch, step);
  if (r.hidden === undefined) return;
  if (batch === null) refuse("slot", "the statement is no batch", { kind: statement.kind });
  await inSlot(r, batch, step);
}

function parse(bytes) {
  if (bytes.length > maxReceipt) refuse("form", "a receipt is at most a mebibyte");
  const hidden = (v) => (v.kind === "null" ? undefined : struct(v, { body: binary, salt: binary, slot: int, slots: int, path: binaries }, "hidden"));
  const head = (v) => (v.kind === "null" ? undefined : struct(v, { label: binary, seq: uint, head: binary, path: binaries }, "head"));
  const r = struct(read(bytes), { v: int, statement: binary, proof: string, hidden, head }, "the receipt");
  if (r.v !== 1n) refuse("form", "the receipt is of another version");
  if (r.head !== undefined && r.hidden === undefined) refuse("form", "a journal head without its slot");
  if (r.hidden !== undefined && (r.head !== undefined) !== (r.hidden.body === undefined && r.hidden.salt === undefined)) {
    refuse("form", "either body and salt are shown, or a journal head");
  }
  return r;
}

// tlogProof reads a c2sp.org/tlog-proof@v1 that is spelled in the one way.
function tlogProof(text) {
  const bad = () => refuse("form", "the proof is not spelled as a tlog-proof is");
  if (utf8(text).length > maxProof) refuse("form", "the proof is too long");
  const end = text.indexOf("\n\n");
  const [header, index, ...lines] = text.slice(0, end).split("\n");
  const note = text.slice(end + 2);
  if (end < 0 || header !== "c2sp.org/tlog-proof@v1" || !/^index (?:0|[1-9][0-9]*)$/.test(index) || lines.length > maxPath) bad();
  if (note.includes("\r\n") || (note !== "" && !note.endsWith("\n"))) bad();
  const path = lines.map((line) => {
    const hash = fromBase64(line);
    return hash?.length === 32 && toBase64(hash) === line ? hash : bad();
  });
  return { index: decimal(index.slice("index ".length)) ?? bad(), path, checkpoint: note };
}

// signed checks a checkpoint's signatures.
async function signed(note, log, asked, trust, step) {
  if (utf8(note).length > maxCheckpoint) refuse("form", "the checkpoint is too long");
  const unsigned = () => refuse("log", "the checkpoint is not signed by the pinned log", { log: log.name });
  const opened = (await open(note, [log, ...(asked?.keys ?? [])])) ?? unsigned();
  if (!opened.signatures.some((s) => s.key === log)) unsigned();
  const cp = checkpoint(opened.text);
  if (cp === null || cp.origin !== log.name) unsigned();
  if (cp.root.length !== 32) refuse("form", "the checkpoint's root is no hash");
  step("signed", { log: log.name, size: cp.size, root: hex(cp.root) });
  const by = opened.signatures.filter((s) => s.key !== log);
  const witnesses = by.map((s) => ({ witness: s.key.name, time: s.time }));
  if (asked !== null && !asked.satisfied(by.map((s) => s.key))) {
    refuse("witnesses", "fewer witnesses than the policy asks for cosigned", { witnesses: witnesses.map((w) => w.witness).join(", "), of: asked.keys.length });
  }
  const newest = witnesses.reduce((t, w) => (w.time > t ? w.time : t), 0n);
  if (trust.maxAge > 0 && (newest === 0n || trust.now - Number(newest) > trust.maxAge)) refuse("stale", "nobody has cosigned the checkpoint lately", { time: newest });
  const must = asked !== null && !asked.satisfied([]);
  step(must ? "witnessed" : "unasked", { witnesses, newest });
  return cp;
}

async function included(leaf, proof, cp) {
  const root = proof.index < cp.size ? await rootOf(await leafHash(leaf), proof.index, cp.size, proof.path) : null;
  if (root === null || !equal(root, cp.root)) refuse("inclusion", "the statement is not in the log at that index", { index: proof.index, size: cp.size });
}

// decode reads a statement. Its body stays bytes.
function decode(bytes, most) {
  if (bytes.length > most) refuse("form", "a statement is too long");
  const s = struct(read(bytes), { v: int, kind: string, at: time(bytes), body: (v) => bytes.subarray(v.start, v.end) }, "a statement");
  if (s.v !== 1n || s.body === undefined) refuse("form", "a statement is of another version");
  return { kind: s.kind ?? "", at: s.at ?? "", body: s.body };
}

function readBatch(bytes) {
  const shape = { n: uint, from: time(bytes), slots: int, root: binary, late: boolean, late_before: boolean, unwitnessed: boolean, clock: string };
  const b = struct(read(bytes), shape, "a batch");
  return { ...b, n: b.n ?? 0n, slots: b.slots ?? 0n, root: b.root ?? new Uint8Array() };
}

// marks tells what a batch says of itself, each on its own.
function marks(b, step) {
  step("batch", { n: b.n, from: b.from ?? "", slots: b.slots });
  if (b.late) step("late");
  if (b.late_before) step("late_before");
  if (b.unwitnessed) step("unwitnessed");
  if (b.clock === "back") step("clock_back");
}

// inSlot checks what is shown of a batch's slot.
async function inSlot(r, batch, step) {
  const h = { slot: 0n, slots: 0n, path: [], ...defined(r.hidden) };
  if (h.slots !== batch.slots) refuse("slot", "the batch has another number of slots", { slots: batch.slots });
  const shown = r.head === undefined ? await hidden(h) : await head(r.head, h);
  if (h.slots < 1n || h.slots > maxSlots || h.slot < 0n || h.slot >= h.slots) refuse("slot", "there is no such slot", { slot: h.slot, slots: h.slots });
  hashes(h.path);
  const root = await rootOf(await leafHash(shown.value), h.slot, h.slots, h.path);
  if (root === null || !equal(root, batch.root)) refuse("slot", "this is not what the batch committed to", { slot: h.slot, n: batch.n });
  step("slot", { slot: h.slot, slots: h.slots, n: batch.n });
  step(shown.code, shown.values);
}

const defined = (o) => Object.fromEntries(Object.entries(o).filter(([, v]) => v !== undefined));

async function hidden(h) {
  if (h.slot === 0n) refuse("slot", "slot 0 holds the journals' heads", { slot: 0n });
  if (h.salt?.length !== 32) refuse("form", "the salt has not 32 bytes");
  const body = h.body ?? new Uint8Array();
  const s = decode(body, maxHidden);
  if (s.kind === "" || publicKinds.includes(s.kind)) refuse("form", "what is hidden is of no hidden kind");
  const value = await sha256(concat(utf8("writ/commitment/v1\n"), h.salt, body));
  return { value, code: "hidden", values: { kind: s.kind, at: s.at, body: new TextDecoder().decode(s.body) } };
}

async function head({ label, seq = 0n, head: hash, path = [] }, h) {
  if (h.slot !== 0n) refuse("slot", "the journals' heads are in slot 0", { slot: h.slot });
  if (label?.length !== 32 || hash?.length !== 32) refuse("form", "a journal head's label and hash have 32 bytes each");
  const value = await rootOfHead(label, seq, hash, path);
  return { value, code: "head", values: { label: hex(label), seq, head: hex(hash) } };
}
