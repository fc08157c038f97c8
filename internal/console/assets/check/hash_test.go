package check_test

import (
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"math/rand/v2"
	"strings"
	"testing"

	"writ/internal/testenv/browser"
)

const hashes = `const hashes = async (pieces) => {
	const { SHA256, SHA512 } = await import("/check/hash.js");
	return [SHA256, SHA512].map((kind) => {
		const h = new kind();
		for (const p of pieces) h.update(p);
		return h.digest();
	});
};`

// TestHashes: the vectors of FIPS 180-4 that NIST publishes, and every length
// around the ends of blocks, in pieces.
func TestHashes(t *testing.T) {
	random := make([]byte, 700)
	rand.NewChaCha8([32]byte{}).Read(random)
	b := open(t, map[string][]byte{"/message": random})
	for _, c := range []struct{ message, sha256, sha512 string }{
		{"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f"},
		{"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", "cf83e1357eefb8bdf1542850d66d8007d620e4050b5715dc83f4a921d36ce9ce47d0d13c5d85f2b0ff8318d2877eec2f63b931bd47417a81a538327af927da3e"},
		{"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1", "204a8fc6dda82f0a0ced7beb8e08a41657c16ef468b228a8279be331a703c33596fd15c13b1b07f9aa1d3bea57789ca031ad85c7a71dd70354ec631238ca3445"},
		{strings.Repeat("a", 1_000_000), "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0", "e718483d0ce769644e2e42c7bc15b4638e1f98b13b2044285632a803afa973ebde0ff244877ea60a4cb0432ce577c31beb009c5c2c49aa2e4eadb217ad8cc09b"},
	} {
		got := browser.Eval[[]string](b, `(async () => {`+hashes+`return hashes([new TextEncoder().encode("`+c.message+`")])})()`)
		if got[0] != c.sha256 || got[1] != c.sha512 {
			t.Errorf("%.10q: %q", c.message, got)
		}
	}
	all := browser.Eval[[][]string](b, `(async () => {`+hashes+`
		const m = new Uint8Array(await (await fetch("/message")).arrayBuffer());
		const all = [];
		for (let n = 0; n <= m.length; n++) {
			const cut = Math.floor((n * 7) / 11);
			all.push(await hashes([m.subarray(0, cut), m.subarray(cut, cut), m.subarray(cut, n)]));
		}
		return all;
	})()`)
	for n, got := range all {
		short, long := sha256.Sum256(random[:n]), sha512.Sum512(random[:n])
		if got[0] != hex.EncodeToString(short[:]) || got[1] != hex.EncodeToString(long[:]) {
			t.Errorf("%d bytes: %q", n, got)
		}
	}
}

// TestLargeFiles: a file larger than what is hashed at once has the hash that
// WebCrypto gives it whole, and its bytes are told as they are read.
func TestLargeFiles(t *testing.T) {
	b := open(t, nil)
	got := browser.Eval[[]any](b, `(async () => {
		const { hash } = await import("/check/hash.js");
		const { hex } = await import("/check/bytes.js");
		const bytes = new Uint8Array((32 << 20) + 5).fill(7); bytes.set(crypto.getRandomValues(new Uint8Array(65536)), 1 << 20);
		let told = 0;
		const rates = [];
		const ours = [];
		for (const kind of ["sha256", "sha512"]) {
			const start = performance.now();
			ours.push(...await hash(new Blob([bytes]), [kind], (n) => (told += n)));
			rates.push(Math.round(32 / (performance.now() - start) * 1000));
		}
		const whole = await Promise.all(["SHA-256", "SHA-512"].map(async (k) => hex(new Uint8Array(await crypto.subtle.digest(k, bytes)))));
		return [ours.join() === whole.join(), told === 2 * bytes.length, ...rates];
	})()`)
	if got[0] != true || got[1] != true {
		t.Errorf("%v", got)
	}
	t.Logf("SHA-256 at %v MiB/s, SHA-512 at %v MiB/s", got[2], got[3])
}
