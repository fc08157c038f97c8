// Signed notes, verifier keys and witness policies, as
// github.com/transparency-dev/formats and golang.org/x/mod/sumdb/note read them
// (c2sp.org/signed-note, c2sp.org/tlog-cosignature, c2sp.org/tlog-checkpoint).

import { concat, decimal, fields, fromBase64, hex, sha256, space, trim, uint64, utf8 } from "./bytes.js";
import { refuse } from "./refusal.js";

const ed25519 = 1;
const ecdsa = 2;
const cosignature = 4;
const treeHead = 5; // RFC 6962
const mldsa44 = 6;

const maxPolicy = 64 << 10;
const maxLine = 64 << 10;
const maxWitnesses = 256;
const maxSignatures = 100;

const isName = (name) => name !== "" && !new RegExp(`${space}|\\+`, "u").test(name);

// cut splits a text at the first separator, as Go's strings.Cut.
function cut(s, separator) {
  const i = s.indexOf(separator);
  return i < 0 ? [s, ""] : [s.slice(0, i), s.slice(i + separator.length)];
}

const keyHash = async (name, kind, key) => hex((await sha256(concat(utf8(name + "\n"), Uint8Array.of(kind), key))).subarray(0, 4));

// verifierKey reads a vkey: {name, hash, kind, key}, or null. A witness's key of
// the plain kind is one for cosignatures. The hash that it carries must be its own.
async function verifierKey(vkey, ofWitness) {
  const [name, rest] = cut(vkey, "+");
  const [said, key64] = cut(rest, "+");
  const raw = fromBase64(key64);
  if (said.length !== 8 || !isName(name) || raw === null || raw.length < 2) return null;
  let kind = raw[0];
  const key = raw.subarray(1);
  if (ofWitness && kind === ed25519) kind = cosignature;
  const sizes = { [ed25519]: 32, [cosignature]: 32, [mldsa44]: 1312 };
  if (!ofWitness && (kind === ecdsa || kind === treeHead)) refuse("unsupported", "the log's key is of a kind that this page does not check", { kind });
  if (sizes[kind] !== key.length) return null;
  const hash = await keyHash(name, kind, key);
  return said === hash ? { name, hash, kind, key } : null;
}

// logKey reads the pinned key of a log.
export async function logKey(vkey) {
  return (await verifierKey(trim(vkey), false)) ?? refuse("trust", "that is no log's verifier key");
}

// checks says whether a signature is a key's over a note's text.
async function checks(v, note, signature) {
  switch (v.kind) {
    case ed25519:
      return verifies("Ed25519", "raw", v.key, signature, utf8(note), 64);
    case cosignature: {
      if (signature.length !== 8 + 64 || note.split("\n").length < 3) return false;
      return verifies("Ed25519", "raw", v.key, signature.subarray(8), utf8(`cosignature/v1\ntime ${timestamp(signature)}\n${note}`), 64);
    }
    case mldsa44: {
      const cp = checkpoint(note);
      const size = 8 + 2420;
      const names = [utf8(v.name), utf8(cp?.origin ?? "")];
      if (cp === null || signature.length !== size) return false;
      const signed = concat(
        utf8("subtree/v1\n\0"),
        Uint8Array.of(names[0].length), names[0], signature.subarray(0, 8), Uint8Array.of(names[1].length), names[1],
        uint64(0n), uint64(cp.size), cp.root,
      );
      return verifies("ML-DSA-44", "raw-public", v.key, signature.subarray(8), signed, 2420);
    }
  }
  return false;
}

async function verifies(algorithm, format, key, signature, message, size) {
  if (signature.length !== size) return false;
  let imported;
  try {
    imported = await crypto.subtle.importKey(format, key, { name: algorithm }, false, ["verify"]);
  } catch (e) {
    if (e.name === "DataError") return false; // no key can be that
    refuse("unsupported", `this browser has no ${algorithm}`, { algorithm });
  }
  return crypto.subtle.verify({ name: algorithm }, imported, signature, message);
}

// timestamp is when a witness says that it cosigned, in Unix seconds.
const timestamp = (signature) => new DataView(signature.buffer, signature.byteOffset).getBigUint64(0);

// checkpoint reads a note's text: {origin, size, root}, or null.
export function checkpoint(note) {
  const [origin, size, root, ...rest] = note.split("\n");
  const n = decimal(size ?? "");
  const hash = root === undefined ? null : fromBase64(root);
  return rest.length === 0 || origin === "" || n === null || hash === null ? null : { origin, size: n, root: hash };
}

// open checks a signed note's signatures by the keys that are known, and returns
// its text and those that hold: {text, signatures: [{key, time}]}. It returns null
// if it is no note, or if one by a known key is wrong.
export async function open(note, keys) {
  if (/[\0-\t\x0b-\x1f]/.test(note)) return null;
  const split = note.lastIndexOf("\n\n");
  const lines = note.slice(split + 2).split("\n");
  if (split < 0 || lines.length < 2 || lines.pop() !== "" || lines.length > maxSignatures) return null;
  const text = note.slice(0, split + 1);
  const signatures = [];
  for (const line of lines) {
    const [name, b64] = cut(line.slice(2), " ");
    const raw = fromBase64(b64);
    if (!line.startsWith("\u2014 ") || !isName(name) || raw === null || raw.length < 5) return null;
    const hash = hex(raw.subarray(0, 4));
    const by = keys.filter((k) => k.name === name && k.hash === hash);
    if (by.length > 1) return null;
    if (by.length === 0 || signatures.some((s) => s.key === by[0])) continue;
    const signature = raw.slice(4);
    if (!(await checks(by[0], text, signature))) return null;
    signatures.push({ key: by[0], time: by[0].kind === ed25519 ? null : timestamp(signature) });
  }
  return { text, signatures };
}

const keywords = ["witness", "group", "any", "all", "none", "quorum", "log"];

const trust = (why) => refuse("trust", why);

// policy reads a witness policy: {keys, satisfied(names of components' keys)}.
// One key must not stand for two witnesses, and none be a member twice, which would
// count twice.
export async function policy(text) {
  if (utf8(text).length > maxPolicy) trust("the policy is too long");
  const parts = new Map();
  const keys = [];
  const seen = new Set();
  const inGroup = new Set();
  let quorum = "";
  const add = (name, part) => {
    if (keywords.includes(name)) trust(`${name} is no name in a policy`);
    if (parts.has(name)) trust(`the policy names ${name} twice`);
    parts.set(name, part);
  };
  const named = (name) => (!keywords.includes(name) && parts.get(name)) || trust(`the policy does not say what ${name} is`);
  for (const line of text.split("\n")) {
    if (utf8(line).length >= maxLine) trust("a line of the policy is too long");
    const words = fields(line.split("#")[0]);
    switch (words[0]) {
      case undefined:
      case "log": // pinned by itself
        break;
      case "witness": {
        if (words.length !== 4 || !isAddress(words[3])) trust("a witness of the policy has not a name, a key and an address");
        const key = (await verifierKey(words[2], true)) ?? trust(`the key of witness ${words[1]} is not one`);
        const id = hex(key.key);
        if (seen.has(id)) trust("two witnesses of the policy have one key");
        seen.add(id);
        keys.push(key);
        add(words[1], { key });
        break;
      }
      case "group": {
        if (words.length < 3) trust("a group of the policy has no name or no number");
        const [, name, asked, ...members] = words;
        const n = asked === "any" ? 1n : asked === "all" ? BigInt(members.length) : decimal(asked);
        if (n === null || n > 255n && asked !== "all" || n > members.length) trust(`the group ${name} asks for what it has not`);
        for (const m of members) {
          if (inGroup.has(m)) trust(`${m} is a member of two groups, and would count twice`);
          inGroup.add(m);
        }
        add(name, { n: Number(n), members: members.map(named) });
        break;
      }
      case "quorum":
        if (words.length !== 2) trust("the policy's quorum is not one name");
        quorum = words[1];
        break;
      default:
        trust(`the policy has a line that begins with ${words[0].slice(0, 40)}`);
    }
  }
  if (keys.length > maxWitnesses) trust("the policy has too many witnesses");
  if (quorum === "") trust("the policy asks for no quorum");
  const root = quorum === "none" ? { n: 0, members: [] } : named(quorum);
  return { keys, satisfied: (got) => satisfied(root, got) };
}

function satisfied(part, got) {
  if (part.key !== undefined) return got.includes(part.key);
  return part.members.filter((m) => satisfied(m, got)).length >= part.n;
}

// isAddress refuses what cannot be a URL. Nothing is asked there.
const isAddress = (s) => !/[\0-\x20\x7f]/.test(s) && !/%(?![0-9a-fA-F]{2})/.test(s) && !/^:/.test(s);
