package monitor

import (
	"bytes"
	"encoding/base64"
	"time"

	"writ/internal/proof"
)

// plainBatch reads a batch statement that is spelled as [proof.Encode] spells
// it; false for every other leaf, also for a good one. A test holds it against
// the reading of everything else.
func plainBatch(b []byte) (f fact, ok bool) {
	in := plain{b, true}
	in.take(`{"v":1,"kind":"batch","at":"`)
	f.at = in.time()
	in.take(`,"body":{"n":`)
	f.batch.N = in.number()
	in.take(`,"from":"`)
	f.batch.From = in.time()
	in.take(`,"slots":`)
	f.batch.Slots = int(in.number())
	in.take(`,"root":"`)
	in.hash()
	f.batch.Late = in.optional(`,"late":true`)
	f.batch.LateBefore = in.optional(`,"late_before":true`)
	f.batch.Unwitnessed = in.optional(`,"unwitnessed":true`)
	if in.optional(`,"clock":"back"`) {
		f.batch.Clock = "back"
	}
	in.take(`}}`)
	f.kind = proof.KindBatch
	return f, in.ok && len(in.b) == 0 && checkBatch(&f.batch, 32) == nil
}

// plain is text that is taken piece by piece, as long as it is as expected.
type plain struct {
	b  []byte
	ok bool
}

func (p *plain) optional(text string) bool {
	rest, found := bytes.CutPrefix(p.b, []byte(text))
	p.b = rest
	return found
}

func (p *plain) take(text string) { p.ok = p.optional(text) && p.ok }

// number takes digits without a needless zero.
func (p *plain) number() (v uint64) {
	n := 0
	for n < len(p.b) && n < 19 && '0' <= p.b[n] && p.b[n] <= '9' {
		v = v*10 + uint64(p.b[n]-'0')
		n++
	}
	if n == 0 || n > 1 && p.b[0] == '0' {
		p.ok = false
	}
	p.b = p.b[n:]
	return v
}

// time takes a time in UTC and the quotation mark behind it.
func (p *plain) time() time.Time {
	const shape = "0000-00-00T00:00:00"
	end := bytes.IndexByte(p.b, '"')
	if end < len(shape)+1 || end > len(shape)+11 || p.b[end-1] != 'Z' {
		p.ok = false
		return time.Time{}
	}
	text := p.b[:end]
	p.b = p.b[end+1:]
	for i, c := range []byte(shape) {
		if digit := '0' <= text[i] && text[i] <= '9'; c == '0' && !digit || c != '0' && text[i] != c {
			p.ok = false
		}
	}
	if end > len(shape)+1 && (text[len(shape)] != '.' || end == len(shape)+2) {
		p.ok = false
	}
	at, err := time.Parse(time.RFC3339, string(text))
	p.ok = p.ok && err == nil
	return at
}

// hash takes 32 bytes of base64 and the quotation mark behind them.
func (p *plain) hash() {
	const size = 44
	var out [33]byte
	if len(p.b) < size+1 || p.b[size] != '"' {
		p.ok = false
		return
	}
	n, err := base64.StdEncoding.Strict().Decode(out[:], p.b[:size])
	p.ok = p.ok && err == nil && n == 32
	p.b = p.b[size+1:]
}
