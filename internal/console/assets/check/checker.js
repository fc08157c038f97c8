// The part of a page that checks receipts and packages (checker.html). It shows
// each step as an item of a list, with a sign and a word, and sends nothing.

import { check as checkPackage, checkLines, checkReceipts, inFolder } from "./package.js";
import { Damaged } from "./manifest.js";
import { check as checkReceipt, maxReceipt } from "./receipt.js";

const signs = { good: "\u2713", bad: "\u2717", note: "!" };
const notes = ["late", "late_before", "unwitnessed", "clock_back", "unasked"];
const maxShown = 1000;

// shown is text of others', with what is not to be seen made visible.
export const shown = (s) => String(s).replace(/[\p{C}\p{Zl}\p{Zp}]/gu, (c) => `\\u{${c.codePointAt(0).toString(16)}}`);

// classes are the items' by tone; .note is a box of the console's.
const classes = { good: "good", bad: "bad", note: "note-step", unsupported: "note-step" };

const element = (name, content, attributes = {}) => {
  const e = document.createElement(name);
  for (const [k, v] of Object.entries(attributes)) e.setAttribute(k, v);
  e.append(...[content].flat());
  return e;
};

const moment = (seconds) => (seconds < 1n << 38n ? new Date(Number(seconds) * 1000).toISOString().replace(".000", "") : `${seconds} s`);

class Checker {
  constructor(root) {
    this.root = root;
    this.words = JSON.parse(root.querySelector("[data-words]").textContent);
    this.result = root.querySelector("[data-result]");
    this.bar = root.querySelector("progress");
    this.field("key").value = root.dataset.logKey ?? "";
    this.field("policy").value = root.dataset.policy ?? "";
    this.last = null;
    this.turn = 0;
    this.field("receipt").addEventListener("change", (e) => this.take(() => this.ofFiles(e.target.files)));
    this.field("folder").addEventListener("change", (e) => this.take(() => this.ofFolder(inFolder(e.target.files))));
    this.field("again").addEventListener("click", () => this.last && this.take(this.last));
    const drop = root.querySelector("[data-drop]");
    drop.addEventListener("dragover", (e) => e.preventDefault());
    drop.addEventListener("drop", (e) => {
      e.preventDefault();
      // What is dropped can be asked for during the event only.
      const entries = Array.from(e.dataTransfer.items, (i) => i.webkitGetAsEntry()).filter(Boolean);
      this.take(() => this.ofEntries(entries));
    });
  }

  field(name) {
    return this.root.querySelector(`[name="${name}"]`);
  }

  say(key, values = {}) {
    const text = this.words[`check.${key}`] ?? key;
    return text.replace(/\{([a-z]+)\}/g, (whole, name) => (Object.hasOwn(values, name) ? shown(values[name]) : whole));
  }

  trust() {
    return { key: this.field("key").value, policy: this.field("policy").value };
  }

  // take makes a check, unless another begins meanwhile, and shows what it yields.
  async take(make) {
    const turn = ++this.turn;
    this.last = make;
    this.result.setAttribute("aria-busy", "true");
    this.result.replaceChildren(element("p", this.say("running")));
    let content;
    try {
      content = await make();
    } catch (e) {
      const why = e instanceof Damaged ? this.say(`unchecked.${e.code}`, e.values) : e.message;
      content = [this.item("bad", this.say("unreadable", { why }), "p")];
    }
    if (turn !== this.turn) return;
    this.bar.hidden = true;
    this.field("again").disabled = false;
    this.result.replaceChildren(...content);
    this.result.setAttribute("aria-busy", "false");
  }

  async ofFiles(files) {
    if (files.length === 0) return [element("p", this.say("nothing"))];
    const file = files[0];
    if (file.name.endsWith(".jsonl")) return this.receipts(await checkLines(file, this.trust()));
    // One byte more than a receipt may have shows that it has too many.
    const bytes = new Uint8Array(await file.slice(0, maxReceipt + 1).arrayBuffer());
    const r = await checkReceipt(bytes, this.trust());
    return [this.heading("receipt", outcome(r)), this.steps(r)];
  }

  async ofEntries(entries) {
    if (entries.length === 1 && entries[0].isFile) return this.ofFiles([await fileOf(entries[0])]);
    const files = new Map();
    const folders = new Set();
    const top = entries.length === 1 ? entries[0].fullPath.length + 1 : 1;
    const walk = async (entry) => {
      const path = entry.fullPath.slice(top);
      if (entry.isFile) files.set(path, await fileOf(entry));
      else {
        folders.add(path);
        for await (const child of children(entry)) await walk(child);
      }
    };
    for (const entry of entries) await walk(entry);
    return this.ofFolder(files, folders);
  }

  async ofFolder(files, folders = null) {
    if (files.size === 0) return [element("p", this.say("nothing"))];
    this.bar.hidden = false;
    this.bar.value = 0;
    const progress = (done, all) => (this.bar.value = all === 0 ? 1 : done / all);
    const report = await checkPackage(files, { folders, progress });
    if (report.error) return [this.heading("unchecked", "bad"), this.item("bad", this.say(`unchecked.${report.error.code}`, report.error.values), "p")];
    const list = [...(report.kind === "sealed" ? this.sealed(report) : this.bag(report)), ...this.problems(report)];
    const wrong = list.some((i) => i.className === "bad");
    const content = [this.heading(report.kind, wrong ? "bad" : "good"), element("ul", list, { class: "checks" })];
    if (report.kind === "bag" && files.has("receipts.jsonl")) content.push(...this.receipts(await checkReceipts(files, this.trust())));
    return content;
  }

  bag(report) {
    const list = [this.item(report.valid ? "good" : "note", this.say("bag.files", report))];
    if (report.manifest === "") list.push(this.item("note", this.say("bag.no-manifest")));
    return [...list, ...this.manifest(report)];
  }

  sealed(report) {
    if (report.volumes === undefined) return [];
    const said = this.say("bag.sealed", { ...report, n: report.volumes.length, volumes: report.volumes.join(", ") });
    return [this.item(report.valid ? "good" : "note", said), ...this.manifest(report)];
  }

  // manifest compares the hash of everything with the one from the letter.
  manifest({ manifest }) {
    const expected = this.field("hash").value.trim().toLowerCase();
    const list = manifest === "" ? [] : [this.item(expected === "" ? "note" : "good", this.say("bag.manifest", { manifest }))];
    if (expected === "") return list;
    return [...list, expected === manifest ? this.item("good", this.say("bag.same")) : this.item("bad", this.say("bag.other", { expected }))];
  }

  problems(report) {
    const list = report.problems.map((p) => this.item("bad", this.say(`problem.${p.code}`, p.values)));
    if (report.more) list.push(this.item("bad", this.say("bag.more")));
    return list;
  }

  receipts(all) {
    if (all.length === 0) return [this.item("bad", this.say("verdict.receipts-none"), "p")];
    const unsupported = all.filter((r) => outcome(r) === "unsupported").length;
    const bad = all.filter((r) => outcome(r) === "bad").length;
    const verdict = unsupported > 0 ? "unsupported" : bad > 0 ? "bad" : "good";
    // The broken ones come first, so that the bound hides none of them behind others.
    const first = all.toSorted((a, b) => Number(a.valid) - Number(b.valid)).slice(0, maxShown);
    const list = first.map((r) => {
      const [tone, text] = [outcome(r) === "unsupported" ? "note" : outcome(r), this.say("line", r)];
      return element("li", [element("details", [element("summary", element("span", [...this.mark(tone), text], { class: classes[tone] })), this.steps(r)])]);
    });
    return [this.heading("receipts", verdict, { n: all.length, bad, unsupported }), element("ul", list, { class: "checks" })];
  }

  heading(what, how, values = {}) {
    const key = what === "unchecked" ? "verdict.unchecked" : `verdict.${what}-${how}`;
    return element("h3", [...this.mark(how === "unsupported" ? "note" : how), this.say(key, values)], { class: classes[how], "data-verdict": how });
  }

  steps(r) {
    const list = r.steps.map(({ code, values }) => {
      const item = this.item(notes.includes(code) ? "note" : "good", this.say(`step.${code}`, this.told(values)));
      item.dataset.code = code;
      if (code === "hidden") item.append(element("pre", shown(values.body).slice(0, 1 << 16), { tabindex: "0" }));
      return item;
    });
    if (r.error) {
      const { code, why, values } = r.error;
      const item = this.item(code === "unsupported" ? "note" : "bad", this.say(`error.${code}`, { ...this.told(values), why }));
      item.dataset.code = code;
      list.push(item);
    }
    return element("ol", list, { class: "checks" });
  }

  // told are a step's values as people read them.
  told(values) {
    const { witnesses } = values;
    if (Array.isArray(witnesses)) {
      return { ...values, witnesses: witnesses.map((w) => `${w.witness} (${w.time === null ? "–" : moment(w.time)})`).join(", ") || this.say("nobody") };
    }
    return witnesses === "" ? { ...values, witnesses: this.say("nobody") } : values;
  }

  mark(tone) {
    return [element("span", signs[tone], { class: "sign", "aria-hidden": "true" }), " ", element("strong", this.say(`mark.${tone}`)), " "];
  }

  item(tone, text, name = "li") {
    return element(name, [...this.mark(tone), text], { class: classes[tone] });
  }
}

const outcome = (r) => (r.valid ? "good" : r.error.code === "unsupported" ? "unsupported" : "bad");

const fileOf = (entry) => new Promise((resolve, reject) => entry.file(resolve, reject));

// children yields what is in a folder that was dropped: a browser tells of it in
// portions, the last of which is empty.
async function* children(entry) {
  const reader = entry.createReader();
  for (;;) {
    const some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
    if (some.length === 0) return;
    yield* some;
  }
}

// attach brings the checkers of a page, or of a part of one, to life.
export function attach(root = document) {
  for (const e of root.querySelectorAll("[data-checker]:not([data-live])")) {
    e.dataset.live = "";
    new Checker(e);
  }
}

attach();
// Parts that come later, as htmx brings them.
document.addEventListener("htmx:load", () => attach());
