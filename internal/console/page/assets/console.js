// What the console needs a script for: passkeys, which a browser gives to scripts
// alone, and showing a chosen file beside its form before it is sent. Everything
// else works without. No page has a script of its own.
"use strict";
(() => {
  const bytes = (text) => Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0));
  const text = (buffer) => btoa(String.fromCharCode(...new Uint8Array(buffer))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
  const ids = (list) => (list || []).map((one) => ({ ...one, id: bytes(one.id) }));

  const ceremony = {
    create: async (o) => navigator.credentials.create({
      publicKey: { ...o, challenge: bytes(o.challenge), user: { ...o.user, id: bytes(o.user.id) }, excludeCredentials: ids(o.excludeCredentials) },
    }),
    get: async (o) => navigator.credentials.get({
      publicKey: { ...o, challenge: bytes(o.challenge), allowCredentials: ids(o.allowCredentials) },
    }),
  };

  const answer = (c) => {
    const r = c.response;
    const out = { id: c.id, rawId: text(c.rawId), type: c.type, clientExtensionResults: c.getClientExtensionResults(), authenticatorAttachment: c.authenticatorAttachment, response: { clientDataJSON: text(r.clientDataJSON) } };
    if (r.attestationObject) {
      out.response.attestationObject = text(r.attestationObject);
      out.response.transports = r.getTransports ? r.getTransports() : [];
    } else {
      out.response.authenticatorData = text(r.authenticatorData);
      out.response.signature = text(r.signature);
      out.response.userHandle = r.userHandle ? text(r.userHandle) : undefined;
    }
    return JSON.stringify(out);
  };

  const options = async (form) => {
    if (form.dataset.ready) return { ceremony: "", options: JSON.parse(form.dataset.ready) };
    const reply = await fetch(form.dataset.options, { method: "POST", body: new URLSearchParams(new FormData(form)), headers: { Accept: "application/json" } });
    const body = await reply.json();
    if (!reply.ok) throw new Error(body.detail || reply.statusText);
    return body;
  };

  document.addEventListener("submit", async (event) => {
    const form = event.target;
    if (!form.dataset.passkey || form.elements.response.value) return;
    event.preventDefault();
    const say = form.querySelector("[role=alert]");
    const button = form.querySelector("button");
    say.hidden = true;
    if (!window.PublicKeyCredential) {
      say.textContent = form.dataset.none;
      say.hidden = false;
      return;
    }
    button.disabled = true;
    try {
      const begun = await options(form);
      const key = begun.options.publicKey || begun.options;
      const credential = await ceremony[form.dataset.passkey](key);
      form.elements.ceremony.value = begun.ceremony;
      form.elements.response.value = answer(credential);
      form.submit();
    } catch (error) {
      say.textContent = form.dataset.failed + " " + error.message;
      say.hidden = false;
    } finally {
      button.disabled = false;
    }
  });

  // A chosen file is shown as what the reader's own choice of kind says, and as
  // nothing that could be a page: pictures and PDFs alone.
  const pictures = ["image/png", "image/jpeg", "image/gif", "image/webp"];
  let shown = "";
  document.addEventListener("change", (event) => {
    const input = event.target;
    const box = input.dataset && input.dataset.preview && document.getElementById(input.dataset.preview);
    if (!box) return;
    if (shown) URL.revokeObjectURL(shown);
    shown = "";
    box.replaceChildren();
    const file = input.files[0];
    box.hidden = !file;
    if (!file) return;
    const head = document.createElement("h3");
    head.textContent = box.dataset.title + ": " + file.name;
    box.append(head);
    const picture = pictures.includes(file.type);
    if (!picture && file.type !== "application/pdf") {
      const none = document.createElement("p");
      none.className = "quiet";
      none.textContent = box.dataset.none;
      box.append(none);
      return;
    }
    shown = URL.createObjectURL(new Blob([file], { type: file.type }));
    const view = document.createElement(picture ? "img" : "iframe");
    view.className = "paper";
    view[picture ? "alt" : "title"] = file.name;
    view.src = shown;
    box.append(view);
  });
})();
