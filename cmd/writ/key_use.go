package main

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"writ"
	"writ/internal/access"
	"writ/internal/monitor"
	"writ/internal/printable"
)

// keyUse is an entry of a journal as it is shown, and, for scripts, as JSON.
type keyUse struct {
	Seq        uint64            `json:"seq"`
	Time       time.Time         `json:"time"`
	Reason     writ.Reason       `json:"reason"`
	Credential writ.CredentialID `json:"credential,omitempty"`
	Principal  string            `json:"principal,omitempty"`
	Policy     string            `json:"policy,omitempty"`
	Presigned  bool              `json:"presigned,omitempty"`
	Op         string            `json:"op"`
	Bucket     writ.BucketName   `json:"bucket,omitempty"`
	Key        writ.ObjectKey    `json:"key,omitempty"`
	Version    writ.VersionID    `json:"version,omitempty"`
	Blob       string            `json:"blob,omitempty"`
	Offset     int64             `json:"offset,omitempty"`
	Length     int64             `json:"length,omitempty"`
	Addr       string            `json:"addr,omitempty"`
	Request    string            `json:"request,omitempty"`
	Previous   string            `json:"previous"`
}

func keyUseOf(e *access.Entry) keyUse {
	u := keyUse{
		Seq: e.Seq, Time: e.Time, Reason: e.Reason, Credential: e.Credential, Principal: e.Principal, Presigned: e.Presigned, Op: e.Op,
		Bucket: e.Bucket, Key: e.Key, Version: e.Version, Offset: e.Offset, Length: e.Length, Request: e.Request,
		Previous: hex.EncodeToString(e.Previous[:]),
	}
	if e.Policy != [32]byte{} {
		u.Policy = hex.EncodeToString(e.Policy[:])
	}
	if e.Blob != (writ.BlobID{}) {
		u.Blob = e.Blob.String()
	}
	if e.Addr.IsValid() {
		u.Addr = e.Addr.String()
	}
	return u
}

// line is the entry for a person.
func (e keyUse) line() string {
	who := string(e.Credential)
	if who == "" {
		who = e.Principal
	}
	if e.Presigned {
		who += " (presigned)"
	}
	what := ""
	if e.Bucket != "" {
		what = printable.Line(string(e.Bucket))
		if e.Key != "" {
			what += "/" + printable.Line(string(e.Key))
		}
		if e.Version != "" && e.Version != writ.NullVersion {
			what += " version " + printable.Line(string(e.Version))
		}
	}
	if e.Length > 0 {
		what += fmt.Sprintf(" bytes %d-%d", e.Offset, e.Offset+e.Length-1)
	}
	from := ""
	if e.Addr != "" {
		from = "from " + e.Addr
	}
	text := fmt.Sprintf("%7d  %s  %-13s  %-10s  %s", e.Seq, when(e.Time), printable.Line(string(e.Reason)), printable.Line(e.Op), strings.Join(filled(printable.Line(who), from, what), "  "))
	return strings.TrimRight(text, " ")
}

func filled(parts ...string) (kept []string) {
	for _, part := range parts {
		if part != "" {
			kept = append(kept, part)
		}
	}
	return kept
}

// entryList prints a bundle's entries as they come: as lines, or as an array in
// the JSON of what was checked.
type entryList struct {
	out   io.Writer
	json  bool
	count int
}

func (l *entryList) begin() error {
	if !l.json {
		return nil
	}
	_, err := io.WriteString(l.out, `{"entries":[`)
	return err
}

func (l *entryList) entry(e *access.Entry) error {
	if !l.json {
		_, err := fmt.Fprintln(l.out, keyUseOf(e).line())
		return err
	}
	b, err := json.Marshal(keyUseOf(e))
	if err != nil {
		return err
	}
	between := ",\n "
	if l.count == 0 {
		between = "\n "
	}
	l.count++
	_, err = fmt.Fprintf(l.out, "%s%s", between, b)
	return err
}

// end ends the JSON with what was checked.
func (l *entryList) end(c *monitor.Checked) error {
	b, err := json.Marshal(c)
	if err == nil {
		_, err = fmt.Fprintf(l.out, "],\n \"checked\":%s}\n", b)
	}
	return err
}
