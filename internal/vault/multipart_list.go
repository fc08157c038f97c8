package vault

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"writ"
	"writ/internal/records"
)

// PartsPage is a page of the parts of an upload, in order of number.
type PartsPage struct {
	Upload    Upload
	Parts     []Part
	Next      int // the number to ask on after, if Truncated
	Truncated bool
}

// Parts lists the parts of an upload with numbers above behind, at most limit
// of them (1 to [MaxList]).
func (v *Vault) Parts(ctx context.Context, s Session, ref UploadRef, behind, limit int) (PartsPage, error) {
	b, up, err := v.findUpload(ctx, ref)
	if err != nil {
		return PartsPage{}, err
	}
	if err := v.admit(ctx, b.Owner); err != nil {
		return PartsPage{}, err
	}
	page := PartsPage{Upload: up.public(b.Owner, ref)}
	if behind >= MaxParts || limit < 1 {
		return page, nil
	}
	entries, more, err := v.records.Scan(ctx, records.Range{
		Start: partKey(up.Blob, uint16(max(behind, 0)+1)), End: partsEnd(up.Blob), Limit: pageSize(limit),
	})
	if err != nil {
		return page, fmt.Errorf("couldn't list parts: %w", recordsError(err))
	}
	for _, e := range entries {
		p, err := decodePart(e)
		if err != nil {
			return page, err
		}
		page.Parts = append(page.Parts, p.public())
		page.Next = int(p.Number)
	}
	page.Truncated = more
	return page, nil
}

// partRange returns where in a version the part with that ordinal lies,
// counted from 1. [ErrInvalidPart] if it has not so many.
func (v *Vault) partRange(ctx context.Context, r *versionRecord, ordinal int) (off, n int64, err error) {
	if ordinal < 1 || ordinal > r.Parts {
		return 0, 0, ErrInvalidPart
	}
	mark, skip := r.Index.byOrdinal(ordinal - 1)
	entries, _, err := v.records.Scan(ctx, records.Range{
		Start: partKey(r.Blob, mark.Number), End: partsEnd(r.Blob), Limit: skip + 1,
	})
	if err != nil {
		return 0, 0, fmt.Errorf("couldn't read list of parts: %w", recordsError(err))
	}
	if len(entries) <= skip {
		return 0, 0, errTransientRead
	}
	off = mark.Offset
	for i, e := range entries {
		p, err := decodePart(e)
		if err != nil {
			return 0, 0, err
		}
		if i == skip {
			return off, p.Size, nil
		}
		off += p.Size
	}
	return 0, 0, errTransientRead
}

// ObjectParts lists the parts of a version that was uploaded in parts, by
// their ordinal: those above behind, counted from 1, at most limit of them (1
// to [MaxList]). A version that was uploaded in one piece has none.
func (v *Vault) ObjectParts(ctx context.Context, s Session, ref ObjectRef, behind, limit int) (PartsPage, error) {
	b, err := v.begin(ctx, ref.Bucket, ref.Key)
	if err != nil {
		return PartsPage{}, err
	}
	r, err := findData(ctx, v.records, nameIn(b, ref.Key), ref.Version)
	if err != nil {
		return PartsPage{}, err
	}
	var page PartsPage
	if behind < 0 || behind >= r.Parts || limit < 1 {
		return page, nil
	}
	limit = pageSize(limit)
	mark, skip := r.Index.byOrdinal(behind)
	entries, _, err := v.records.Scan(ctx, records.Range{
		Start: partKey(r.Blob, mark.Number), End: partsEnd(r.Blob), Limit: skip + limit,
	})
	if err != nil {
		return page, fmt.Errorf("couldn't list parts: %w", recordsError(err))
	}
	for i, e := range entries {
		if i < skip {
			continue
		}
		p, err := decodePart(e)
		if err != nil {
			return page, err
		}
		part := p.public()
		part.Number = behind + 1 + i - skip
		page.Parts = append(page.Parts, part)
		page.Next = part.Number
	}
	page.Truncated = page.Next > 0 && page.Next < r.Parts
	return page, nil
}

// UploadsInput asks for a page of the uploads of a bucket that are under way,
// in bytewise order of key, and of one key the oldest first.
type UploadsInput struct {
	Bucket    writ.BucketName
	Prefix    string
	Delimiter string
	After     string // keys and common prefixes behind it, unless AfterID is set
	AfterID   string // uploads of the key After behind this one, and keys behind it
	Max       int    // uploads and common prefixes together; at most [MaxList]
}

// UploadsPage is a page of a listing of uploads.
type UploadsPage struct {
	Uploads   []Upload
	Prefixes  []string
	Next      string // After and AfterID for the next page, if Truncated
	NextID    string
	Truncated bool
}

// Uploads lists the uploads of a bucket that are neither completed nor
// aborted. An AfterID that is not the id of an upload of the key After, of now
// or of before, is [ErrUploadMarker].
func (v *Vault) Uploads(ctx context.Context, s Session, in UploadsInput) (UploadsPage, error) {
	b, err := v.Bucket(ctx, in.Bucket)
	if err != nil {
		return UploadsPage{}, err
	}
	if err := v.admit(ctx, b.Owner); err != nil {
		return UploadsPage{}, err
	}
	if in.After != "" && in.AfterID != "" {
		if !validUploadID(in.AfterID, in.Bucket, writ.ObjectKey(in.After)) {
			return UploadsPage{}, ErrUploadMarker
		}
	}
	l := uploadsLister{in: in, owner: b.Owner, left: in.Max}
	if in.Max < 1 {
		return l.page, nil
	}
	l.left = pageSize(in.Max)
	if err := l.run(ctx, v.records); err != nil {
		return UploadsPage{}, fmt.Errorf("couldn't list uploads: %w", err)
	}
	return l.page, nil
}

// An uploadsLister reads one page of uploads. A common prefix is jumped over,
// however many uploads lie beneath it.
type uploadsLister struct {
	in    UploadsInput
	owner writ.CustomerID
	left  int
	page  UploadsPage
}

func (l *uploadsLister) run(ctx context.Context, from records.Reader) error {
	all := records.Prefix(l.at(l.in.Prefix))
	next := l.start()
	if string(next) < string(all.Start) {
		next = all.Start
	}
	for string(next) < string(all.End) {
		entries, more, err := from.Scan(ctx, records.Range{Start: next, End: all.End, Limit: l.left + 1})
		if err != nil {
			return recordsError(err)
		}
		jumped := false
		for _, e := range entries {
			if l.left == 0 {
				l.page.Truncated = true
				return nil
			}
			_, ref, err := parseUpload(e.Key)
			if err != nil {
				return err
			}
			if common, ok := l.common(string(ref.Key)); ok {
				l.page.Prefixes = append(l.page.Prefixes, common)
				l.page.Next, l.page.NextID = common, ""
				l.left--
				next, jumped = records.PrefixEnd(l.at(common)), true
				break
			}
			var up uploadRecord
			if err := decode(e.Value, &up); err != nil {
				return err
			}
			l.page.Uploads = append(l.page.Uploads, up.public(l.owner, ref))
			l.page.Next, l.page.NextID = string(ref.Key), ref.ID
			l.left--
			next = after(e.Key)
		}
		if !jumped && !more {
			break
		}
	}
	if !l.page.Truncated {
		l.page.Next, l.page.NextID = "", ""
	}
	return nil
}

// start returns the key of the first record that may be on the page.
func (l *uploadsLister) start() []byte {
	in := l.in
	switch {
	case in.After == "":
		return l.at("")
	case in.AfterID != "":
		return after(uploadKey(l.owner, UploadRef{Bucket: in.Bucket, Key: writ.ObjectKey(in.After), ID: in.AfterID}))
	}
	if common, ok := l.common(in.After); ok && common == in.After {
		return records.PrefixEnd(l.at(in.After))
	}
	return l.at(in.After + "\x01") // behind all uploads of that key, which a NUL ends
}

// at returns what the uploads of keys with that prefix begin with.
func (l *uploadsLister) at(prefix string) []byte {
	return append(uploadsPrefix(l.owner, l.in.Bucket), prefix...)
}

// common returns the common prefix that a key is under.
func (l *uploadsLister) common(key string) (string, bool) {
	if l.in.Delimiter == "" || !strings.HasPrefix(key, l.in.Prefix) {
		return "", false
	}
	rest := key[len(l.in.Prefix):]
	i := strings.Index(rest, l.in.Delimiter)
	if i < 0 {
		return "", false
	}
	return l.in.Prefix + rest[:i+len(l.in.Delimiter)], true
}

// abortAll aborts all uploads of a bucket.
func (v *Vault) abortAll(ctx context.Context, owner writ.CustomerID, bucket writ.BucketName) error {
	r := records.Prefix(uploadsPrefix(owner, bucket))
	r.KeysOnly = true
	return eachRecord(ctx, v.records, r, func(e records.Entry) error {
		_, ref, err := parseUpload(e.Key)
		if err != nil {
			return err
		}
		if err := v.abort(ctx, owner, ref, nil); err != nil && !errors.Is(err, ErrNoUpload) {
			return err
		}
		return nil
	})
}
