// Checks what an authority got (docs/package.md), in this browser alone: an opened
// package, which is a bag (RFC 8493), with the verdict of the Go package bag, and
// a sealed one as its courier does.

import { trim } from "./bytes.js";
import { hash } from "./hash.js";
import { Damaged, lines, manifestLine, maxManifest } from "./manifest.js";
import { check as checkReceipt, maxReceipt } from "./receipt.js";

const maxProblems = 100;
const maxFiles = 2_000_000;
const maxTagFile = 1 << 20;
const maxInfo = 105;
const maxPackage = 32 << 20;
const payload = "data/";
const algorithms = [["sha256", 32], ["sha512", 64]];
const tagManifest = "tagmanifest-sha256.txt";

// inFolder takes the files of <input type=file webkitdirectory> or of a drop for
// the files of a folder: a Map of path to File, without the folder's own name.
export function inFolder(files) {
  return new Map(Array.from(files, (f) => {
    const path = f.fullPath ?? f.webkitRelativePath;
    return [path.slice(path.indexOf("/") + 1), f];
  }));
}

// check checks the files of a folder: a Map of path to File (or Blob). It resolves to
//
//   {kind: "bag", valid, problems: [{code, values}, …], more, objects, bytes, manifest, info}
//   {kind: "sealed", valid, problems, more, case, sealing, objects, bytes, manifest, volumes}
//
// Error is {code, values} instead where the check could not be made. Folders, a Set
// of paths, is given where it is known which there are; a browser's picker tells
// of files only, so that an empty folder "data" is not missed then. Progress
// hears how many bytes of how many are read.
export async function check(files, { folders = null, progress = () => {} } = {}) {
  const report = { kind: "bag", problems: [], more: false, objects: 0, bytes: 0, manifest: "", info: [] };
  const all = Array.from(files.values()).reduce((n, f) => n + f.size, 0);
  let done = 0;
  const ahead = (n) => progress((done += n), all);
  try {
    if (files.size > maxFiles) throw new Damaged("files", { most: maxFiles });
    const sealed = !files.has("bagit.txt") && files.has("package.json");
    if (sealed) await checkSealed(files, report, ahead);
    else await new Bag(files, folders, report, ahead).check();
  } catch (e) {
    if (!(e instanceof Damaged)) throw e;
    return { kind: report.kind, valid: false, problems: [], more: false, error: { code: e.code, values: e.values } };
  }
  return { ...report, valid: report.problems.length === 0 };
}

// checkReceipts checks the receipts in a bag, one a line of receipts.jsonl; there
// are none in a bag that Writ did not make. Each is {line, ...} of receipt.js.
export async function checkReceipts(files, trust) {
  const file = files.get("receipts.jsonl");
  return file === undefined ? [] : checkLines(file, trust);
}

// checkLines checks a file of receipts, one a line.
export async function checkLines(file, trust) {
  const all = [];
  let n = 0;
  for await (const line of lines(file, maxReceipt)) {
    n++;
    if (line.length > 0) all.push({ line: n, ...(await checkReceipt(line, trust)) });
  }
  return all;
}

function problem(report, code, values) {
  if (report.problems.length === maxProblems) report.more = true;
  else report.problems.push({ code, values });
}

// byBytes orders names as their bytes in UTF-8.
function byBytes(a, b) {
  const x = Array.from(a);
  const y = Array.from(b);
  for (let i = 0; i < x.length && i < y.length; i++) {
    if (x[i] !== y[i]) return x[i].codePointAt(0) - y[i].codePointAt(0);
  }
  return x.length - y.length;
}

class Bag {
  constructor(files, folders, report, ahead) {
    this.files = new Map(Array.from(files, ([path, file]) => [path, { file, sums: ["", ""] }]));
    this.names = Array.from(files.keys()).sort(byBytes);
    this.folders = folders;
    this.report = report;
    this.ahead = ahead;
  }

  problem(code, values = {}) {
    problem(this.report, code, values);
  }

  async check() {
    this.payload();
    await this.declaration();
    await this.payloadManifests();
    await this.tagManifests();
    await this.hashes();
    await this.info();
  }

  payload() {
    for (const [name, { file }] of this.files) {
      if (!name.startsWith(payload)) continue;
      this.report.objects++;
      this.report.bytes += file.size;
    }
    if (this.report.objects === 0 && this.folders !== null && !this.folders.has("data")) this.problem("no-data");
  }

  // small reads a short tag file; undefined, and a problem, if it isn't there.
  async small(name) {
    const entry = this.files.get(name);
    if (entry === undefined) return this.problem("missing", { path: name });
    if (entry.file.size > maxTagFile) return this.problem("long", { path: name, most: maxTagFile });
    return new TextDecoder("utf-8", { ignoreBOM: true }).decode(await entry.file.arrayBuffer());
  }

  async declaration() {
    const text = await this.small("bagit.txt");
    if (text === undefined) return;
    const said = text.replaceAll("\r\n", "\n").replace(/\n+$/, "").split("\n");
    const version = /^BagIt-Version: (1\.0|0\.9[3-7])$/.test(said[0]);
    if (said.length !== 2 || !version || said[1] !== "Tag-File-Character-Encoding: UTF-8") this.problem("declaration");
  }

  async payloadManifests() {
    const there = algorithms.map(([name]) => this.files.has(`manifest-${name}.txt`));
    for (const kind of [0, 1]) if (there[kind]) await this.manifest(`manifest-${algorithms[kind][0]}.txt`, kind, true);
    if (!there.includes(true)) return this.problem("no-manifest");
    for (const name of this.names) {
      if (!name.startsWith(payload)) continue;
      for (const kind of [0, 1]) {
        if (there[kind] && this.files.get(name).sums[kind] === "") this.problem("extra", { path: name, manifest: `manifest-${algorithms[kind][0]}.txt` });
      }
    }
  }

  async tagManifests() {
    for (const kind of [0, 1]) {
      const name = `tagmanifest-${algorithms[kind][0]}.txt`;
      if (this.files.has(name)) await this.manifest(name, kind, false);
    }
    if (this.files.has("fetch.txt")) this.problem("fetch");
  }

  // manifest reads a manifest of the payload, or of tag files.
  async manifest(name, kind, ofPayload) {
    const { file } = this.files.get(name);
    if (file.size > maxManifest) throw new Damaged("manifest", { most: maxManifest });
    let n = 0;
    for await (const bytes of lines(file)) {
      n++;
      if (bytes.length > 0) this.line(name, n, manifestLine(bytes, algorithms[kind][1]), kind, ofPayload);
    }
  }

  line(manifest, n, { wrong, sum, path }, kind, ofPayload) {
    const at = { manifest, line: n };
    if (wrong !== undefined) return this.problem(`line-${wrong}`, at);
    if (path.startsWith(payload) !== ofPayload || path.startsWith("tagmanifest-")) return this.problem("line-forbidden", at);
    const entry = this.files.get(path);
    if (entry === undefined) this.problem("missing", { path });
    else if (entry.sums[kind] !== "") this.problem("line-again", at);
    else entry.sums[kind] = sum;
  }

  // hashes reads every file that a manifest names, once.
  async hashes() {
    for (const name of this.names) {
      const { file, sums } = this.files.get(name);
      const asked = [0, 1].filter((kind) => sums[kind] !== "" || (kind === 0 && name === tagManifest));
      const got = asked.length === 0 ? [] : await hash(file, asked.map((kind) => algorithms[kind][0]), this.ahead);
      for (const [i, kind] of asked.entries()) {
        if (sums[kind] !== "" && sums[kind] !== got[i]) this.problem("changed", { path: name, manifest: `manifest-${algorithms[kind][0]}.txt` });
      }
      if (name === tagManifest) this.report.manifest = got[0];
    }
  }

  // info reads bag-info.txt, which may be missing, and checks the one line that
  // can be.
  async info() {
    if (!this.files.has("bag-info.txt")) return;
    const text = await this.small("bag-info.txt");
    if (text === undefined) return;
    for (const line of text.split(/\r\n|\r|\n/)) this.infoLine(line);
    const { info, bytes, objects } = this.report;
    for (const [label, value] of info) {
      if (label.toLowerCase() !== "payload-oxum") continue;
      const [, saidBytes, saidObjects] = value.match(/^([0-9]{1,18})\.([0-9]{1,18})$/) ?? [];
      if (saidBytes !== String(bytes) || saidObjects !== String(objects)) this.problem("oxum", { said: value, bytes, objects });
    }
  }

  // infoLine takes one line; one that begins with a blank goes on with the last.
  infoLine(line) {
    const { info } = this.report;
    const colon = line.indexOf(":");
    if (line === "") return;
    if (info.length > 0 && (line[0] === " " || line[0] === "\t")) info.at(-1)[1] += " " + trim(line);
    else if (colon < 0 || info.length === maxInfo) this.problem("info");
    else info.push([trim(line.slice(0, colon)), trim(line.slice(colon + 1))]);
  }
}

const extensions = { age: ".tar.age", cms: ".tar.p7m" };

const isSum = (s) => typeof s === "string" && /^[0-9a-f]{64}$/.test(s);

// checkSealed checks a package that is still sealed: that package.json is one and
// that its volumes are all there, as they were sent.
async function checkSealed(files, report, ahead) {
  report.kind = "sealed";
  const file = files.get("package.json");
  let said = null;
  try {
    if (file.size <= maxPackage) said = JSON.parse(await file.text());
  } catch {
    // said stays null
  }
  const ext = Object.hasOwn(extensions, said?.sealing) ? extensions[said.sealing] : undefined;
  const named = typeof said?.case === "string" && /^[0-9]{4}-[0-9A-HJKMNP-TV-Z]{4}-[0-9A-HJKMNP-TV-Z]{4}$/.test(said.case);
  const listed = Array.isArray(said?.volumes) && said.volumes.length > 0;
  const volume = (v, i) => v?.name === `${said.case}.${String(i + 1).padStart(6, "0")}${ext}` && Number.isSafeInteger(v.size) && v.size > 0 && isSum(v.sha256);
  if (said?.writ_package !== 1 || ext === undefined || !named || !listed || !isSum(said.tagmanifest_sha256) || !said.volumes.every(volume)) {
    return problem(report, "package", {});
  }
  Object.assign(report, { case: said.case, sealing: said.sealing, objects: said.objects, bytes: said.bytes, manifest: said.tagmanifest_sha256, volumes: said.volumes.map((v) => v.name) });
  for (const v of said.volumes) {
    const got = files.get(v.name);
    if (got === undefined) problem(report, "volume-missing", { path: v.name });
    else if (got.size !== v.size || (await hash(got, ["sha256"], ahead))[0] !== v.sha256) problem(report, "volume-changed", { path: v.name });
  }
}
