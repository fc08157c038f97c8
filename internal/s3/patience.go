package s3

import (
	"io"
	"time"
)

// stall is how long a client may send or take nothing before its connection
// is given up. A body that goes on moving may take as long as it needs.
const stall = 2 * time.Minute

// extension is how often a deadline is put off while bytes move: it costs a
// lock in the connection each time.
const extension = stall / 8

// A deadline of a connection is put off as long as there is progress.
type deadline struct {
	set func(time.Time) error
	at  time.Time // when it was put off last
}

func (d *deadline) extend() error {
	now := time.Now()
	if now.Sub(d.at) < extension {
		return nil
	}
	d.at = now
	return d.set(now.Add(stall))
}

// patient returns a body of the request that gives its client time.
func (r request) patient(body io.Reader) io.Reader {
	conn := r.Conn()
	if conn == nil {
		return body
	}
	return &patientReader{Reader: body, deadline: deadline{set: conn.SetReadDeadline}}
}

type patientReader struct {
	io.Reader
	deadline deadline
}

// Read implements [io.Reader].
func (p *patientReader) Read(b []byte) (int, error) {
	if err := p.deadline.extend(); err != nil {
		return 0, err
	}
	return p.Reader.Read(b)
}

// maxUnread is how much of a body is read for nothing, in bytes, once it is
// clear that it will not be stored. A client that is still sending when its
// connection is closed may never see why.
const maxUnread = 32 << 20

// drain reads what is left of a body that was refused.
func (r request) drain() {
	// A body of unknown length must not be read beyond its end.
	if rest := r.Request.BodyStream(); rest != nil && r.Request.Header.ContentLength() > 0 {
		io.CopyN(io.Discard, r.patient(rest), maxUnread) // the answer is an error already
	}
}

// patientBody returns a body of an answer that gives its client time, and
// that stays an [io.WriterTo]: the server writes through that without a
// buffer between. An error in the middle cuts the connection, which is all
// that HTTP has for it; broken is told of it.
func (r request) patientBody(body io.ReadCloser, broken func(error)) io.ReadCloser {
	p := &patientBody{ReadCloser: body, broken: broken}
	if conn := r.Conn(); conn != nil {
		p.deadline.set = conn.SetWriteDeadline
	}
	return p
}

type patientBody struct {
	io.ReadCloser
	deadline deadline
	broken   func(error)
}

// WriteTo implements [io.WriterTo].
func (p *patientBody) WriteTo(w io.Writer) (int64, error) {
	if p.deadline.set != nil {
		w = &patientWriter{w, &p.deadline}
	}
	n, err := io.Copy(w, p.ReadCloser)
	if err != nil {
		p.broken(err)
	}
	return n, err
}

type patientWriter struct {
	io.Writer
	deadline *deadline
}

// Write implements [io.Writer].
func (p *patientWriter) Write(b []byte) (int, error) {
	if err := p.deadline.extend(); err != nil {
		return 0, err
	}
	return p.Writer.Write(b)
}
