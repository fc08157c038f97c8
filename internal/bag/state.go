package bag

import (
	"bufio"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	"writ"
	"writ/internal/durable"
	"writ/internal/seal"
)

// The state of a production is a tail (internal/seal): records that are sealed
// as they are appended. The first byte of a record says what it is, JSON
// follows.
//
//	B  the beginning: what the package is made from
//	O  an object that is packed: its line of objects.jsonl
//	V  a volume that counts, and where the stream stands behind it
//	F  a piece of a tag file of the caller's
//	E  all tag files of the caller's are there
//
// What follows the last V or E does not count: it is cut off when the
// production goes on. V and E are synced, and so is B; the others become
// durable with the next of them.
const (
	recordBegin  = 'B'
	recordObject = 'O'
	recordVolume = 'V'
	recordFile   = 'F'
	recordExtras = 'E'
)

const stateName = "production.state"

// begin is what a package is made from: the same after a restart, or the state
// is another's.
type begin struct {
	Case       writ.CaseID `json:"case"`
	Sealing    string      `json:"sealing"`
	Recipients []string    `json:"recipients"`
	Info       [][2]string `json:"info"`
	Volume     int64       `json:"volume"`
	Objects    int64       `json:"objects"`
	Bytes      int64       `json:"bytes"`
	List       string      `json:"list"` // SHA-256 over the list of objects, in hex
	Date       time.Time   `json:"date"` // of the first call
	Salt       string      `json:"salt"` // 32 random bytes in hex
}

func (b begin) same(other begin) bool {
	return b.Case == other.Case && b.Sealing == other.Sealing && slices.Equal(b.Recipients, other.Recipients) &&
		slices.Equal(b.Info, other.Info) && b.Volume == other.Volume && b.List == other.List
}

// position is a place in the stream, behind a volume.
type position struct {
	Entry  int64 `json:"entry"`  // entries that are whole
	Offset int64 `json:"offset"` // bytes of the next one, its header included
	// Of that entry's body so many bytes were read, with this SHA-256. It may
	// be more than went into the volume.
	Read   int64  `json:"read"`
	Digest []byte `json:"digest,omitempty"`
}

type volumeRecord struct {
	Volume Volume   `json:"volume"`
	At     position `json:"at"`
	Packed int64    `json:"packed"` // bytes of the objects that are whole
}

// filePiece is a piece of a tag file; the pieces of a file follow each other.
type filePiece struct {
	Name string `json:"name"`
	Body []byte `json:"body"`
}

// pieceSize leaves room for base64 and JSON in a record.
const pieceSize = 512 << 10

type state struct {
	name   string
	key    *seal.Key
	stream seal.Stream
	f      *os.File
	tail   *seal.TailWriter

	begin   *begin // nil in a new state
	volumes []Volume
	at      position
	packed  int64 // bytes of the objects that are whole
	extras  bool  // the caller's files are all there
}

// stateStream names the tail: the state of one case is not that of another.
func stateStream(id writ.CaseID) seal.Stream {
	sum := sha256.Sum256([]byte("writ/package/state/v1\n" + string(id)))
	return seal.Stream{ID: writ.BlobID(sum[:16])}
}

// openState reads what an earlier call left, up to what counts.
func openState(dir string, key *seal.Key, id writ.CaseID, room *room) (*state, error) {
	s := &state{name: filepath.Join(dir, stateName), key: key, stream: stateStream(id)}
	f, err := os.OpenFile(s.name, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, full(fmt.Errorf("couldn't open the state of the production: %w", err))
	}
	s.f = f
	if err := s.load(room); err != nil {
		f.Close()
		return nil, fmt.Errorf("couldn't read the state of the production: %w", err)
	}
	return s, nil
}

func (s *state) load(room *room) error {
	keep, err := s.scan()
	switch {
	case errors.Is(err, seal.ErrKey), errors.Is(err, seal.ErrFormat):
		return fmt.Errorf("%w: its state is that of another case, or sealed under another key", ErrOther)
	case err != nil:
		return err
	}
	if keep == 0 { // new, or killed before it said what it is for
		if err := s.cut(0); err != nil {
			return err
		}
		s.tail, err = seal.NewTailWriter(roomy{room, s.f}, s.key, s.stream)
		return err
	}
	if _, err := s.f.Seek(0, io.SeekStart); err != nil {
		return err
	}
	r, err := seal.OpenTail(bufio.NewReader(s.f), s.key, s.stream)
	if err != nil {
		return err
	}
	for range keep {
		if _, err := r.Next(); err != nil {
			return err
		}
	}
	room.used += r.Offset()
	s.tail = r.Resume(roomy{room, s.f})
	return s.cut(r.Offset())
}

func (s *state) cut(at int64) error {
	if err := s.f.Truncate(at); err != nil {
		return err
	}
	_, err := s.f.Seek(at, io.SeekStart)
	return err
}

// scan reads the records that count and returns how many they are.
func (s *state) scan() (keep int, err error) {
	r, err := seal.OpenTail(bufio.NewReader(s.f), s.key, s.stream)
	if errors.Is(err, seal.ErrTruncated) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	for i := 1; ; i++ {
		record, err := r.Next()
		// A frame that doesn't open is what a power cut left of one that wasn't
		// synced. Were it an older one, then what follows it is packed again.
		if err == io.EOF || errors.Is(err, seal.ErrTail) {
			return keep, nil
		}
		if err != nil {
			return 0, err
		}
		counts, err := s.take(record)
		if err != nil {
			return 0, err
		}
		if counts {
			keep = i
		}
	}
}

// take reads one record and reports whether what came so far counts.
func (s *state) take(record []byte) (counts bool, err error) {
	if len(record) == 0 {
		return false, fmt.Errorf("%w: an empty record", ErrDamaged)
	}
	kind, body := record[0], record[1:]
	switch kind {
	case recordBegin:
		s.begin = new(begin)
		err = json.Unmarshal(body, s.begin)
	case recordVolume:
		var v volumeRecord
		err = json.Unmarshal(body, &v)
		s.volumes, s.at, s.packed = append(s.volumes, v.Volume), v.At, v.Packed
	case recordExtras:
		s.extras = true
	}
	if err != nil {
		return false, fmt.Errorf("%w: a record can't be read", ErrDamaged)
	}
	return kind == recordBegin || kind == recordVolume || kind == recordExtras, nil
}

func (s *state) append(kind byte, body []byte) error {
	if len(body)+1 > seal.MaxTailRecord {
		return fmt.Errorf("%w: the description of an object is longer than %d bytes", ErrInput, seal.MaxTailRecord)
	}
	if err := s.tail.Append(append([]byte{kind}, body...)); err != nil {
		return fmt.Errorf("couldn't write the state of the production: %w", err)
	}
	return nil
}

// commit appends a record that counts, and makes it durable.
func (s *state) commit(kind byte, v any) error {
	body, err := json.Marshal(v)
	if err == nil {
		err = s.append(kind, body)
	}
	if err == nil {
		err = full(s.f.Sync())
	}
	if err != nil {
		return fmt.Errorf("couldn't keep the state of the production: %w", err)
	}
	return nil
}

func (s *state) start(b begin) error {
	if err := s.commit(recordBegin, b); err != nil {
		return err
	}
	s.begin = &b
	return durable.SyncDir(filepath.Dir(s.name))
}

func (s *state) volume(v Volume, at position) error {
	if err := s.commit(recordVolume, volumeRecord{v, at, s.packed}); err != nil {
		return err
	}
	s.volumes, s.at = append(s.volumes, v), at
	return nil
}

func (s *state) keepFiles(files []File) error {
	for _, f := range files {
		for piece := range pieces(f.Body) {
			body, err := json.Marshal(filePiece{f.Name, piece})
			if err == nil {
				err = s.append(recordFile, body)
			}
			if err != nil {
				return err
			}
		}
	}
	if err := s.commit(recordExtras, struct{}{}); err != nil {
		return err
	}
	s.extras = true
	return nil
}

// pieces cuts a file; an empty one has one empty piece.
func pieces(body []byte) func(yield func([]byte) bool) {
	if len(body) == 0 {
		return slices.Values([][]byte{nil})
	}
	return slices.Chunk(body, pieceSize)
}

// records yields the records of one kind, from the first. Each is valid until
// the next.
func (s *state) records(kind byte) func(yield func([]byte, error) bool) {
	return func(yield func([]byte, error) bool) {
		f, err := os.Open(s.name)
		if err != nil {
			yield(nil, fmt.Errorf("couldn't open the state of the production: %w", err))
			return
		}
		defer f.Close()
		r, err := seal.OpenTail(bufio.NewReader(f), s.key, s.stream)
		for err == nil {
			var record []byte
			record, err = r.Next()
			if err == nil && len(record) > 0 && record[0] == kind && !yield(record[1:], nil) {
				return
			}
		}
		if err != io.EOF {
			yield(nil, fmt.Errorf("couldn't read the state of the production: %w", err))
		}
	}
}

// produced yields the objects that are packed.
func (s *state) produced(yield func(Produced, error) bool) {
	for line, err := range s.records(recordObject) {
		var p Produced
		if err == nil {
			err = json.Unmarshal(line, &p)
		}
		if !yield(p, err) || err != nil {
			return
		}
	}
}

// files returns the caller's files as they were kept.
func (s *state) files() ([]File, error) {
	var files []File
	for body, err := range s.records(recordFile) {
		var piece filePiece
		if err == nil {
			err = json.Unmarshal(body, &piece)
		}
		if err != nil {
			return nil, err
		}
		if n := len(files); n == 0 || files[n-1].Name != piece.Name {
			files = append(files, File{Name: piece.Name})
		}
		last := &files[len(files)-1]
		last.Body = append(last.Body, piece.Body...)
	}
	return files, nil
}

func (s *state) close() { s.f.Close() }
