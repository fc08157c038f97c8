package witness

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"writ/internal/durable"
)

// The kinds of evidence.
const (
	// Fork is proof by itself: one log signed two trees of one size.
	Fork = "fork"
	// Unproven is two signed checkpoints that were not shown to be
	// consistent. The log is guilty if it can't show it to anybody; a
	// checkpoint that a stranger sent with a wrong proof looks the same.
	Unproven = "unproven"
	// RolledBack is against the witness itself: its own cosignature on a tree
	// that its state knows nothing of. While the file is there, the log gets
	// no cosignatures.
	RolledBack = "rolledback"
)

// Of each log this many files of a kind are kept. The first stay, since any of
// them is proof. Of what is unproven the newest stay: a log that has
// forked goes on sending what it signs, while a stranger's noise passes.
const maxEvidence = 16

// Evidence is a file of evidence, JSON. Both checkpoints are signed notes that
// anyone checks with the log's key, the first also with the witness's.
type Evidence struct {
	V       int       `json:"v"`
	Kind    string    `json:"kind"`
	Seen    time.Time `json:"seen"`
	Log     string    `json:"log"`
	Says    string    `json:"says"`
	Witness string    `json:"witness"` // vkey
	Ours    string    `json:"ours"`    // with the cosignature that was given; "" if the state has none
	Theirs  string    `json:"theirs"`
	Proof   [][]byte  `json:"proof,omitempty"` // that came with theirs
}

var says = map[string]string{
	Fork:       "the log signed two different trees of one size",
	Unproven:   "the log signed a larger tree, and what was sent doesn't prove that it contains the smaller one",
	RolledBack: "the witness's state is older than what its key has signed: it was put back from a copy, or the key is in use twice",
}

// evidence is the folder of evidence. A name is KIND-LOG-WHAT.json, both parts
// hashes, so that each thing is kept once, also after a restart.
type evidence struct {
	dir string

	mu   sync.Mutex          // guards below, and the folder
	kept map[string][]string // names by KIND-LOG, the oldest first
}

func openEvidence(dir string) (*evidence, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("couldn't make the folder of evidence: %w", err)
	}
	list, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("couldn't read the folder of evidence: %w", err)
	}
	made := map[string]time.Time{}
	e := &evidence{dir: dir, kept: map[string][]string{}}
	for _, one := range list {
		group, ok := evidenceGroup(one.Name())
		if info, err := one.Info(); ok && err == nil {
			made[one.Name()] = info.ModTime()
			e.kept[group] = append(e.kept[group], one.Name())
		}
	}
	for _, names := range e.kept {
		slices.SortStableFunc(names, func(a, b string) int { return made[a].Compare(made[b]) })
	}
	return e, nil
}

// evidenceGroup is the KIND-LOG of a name.
func evidenceGroup(name string) (string, bool) {
	parts := strings.Split(name, "-")
	if len(parts) != 3 || says[parts[0]] == "" || !strings.HasSuffix(name, ".json") {
		return "", false
	}
	return parts[0] + "-" + parts[1], true
}

// has reports whether there is evidence of a kind about a log.
func (e *evidence) has(kind, origin string) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return len(e.kept[kind+"-"+OriginHash(origin)[:16]]) > 0
}

// add keeps evidence, unless it is there or there are enough of its kind; fresh
// says that it was kept, name where.
func (e *evidence) add(ev Evidence, what string) (name string, fresh bool, err error) {
	sum := sha256.Sum256([]byte(what))
	group := ev.Kind + "-" + OriginHash(ev.Log)[:16]
	name = group + "-" + hex.EncodeToString(sum[:8]) + ".json"
	e.mu.Lock()
	defer e.mu.Unlock()
	names := e.kept[group]
	if slices.Contains(names, name) {
		return name, false, nil
	}
	if ev.Kind != Unproven && len(names) >= maxEvidence {
		return "", false, nil
	}
	body, err := json.MarshalIndent(ev, "", "  ")
	if err != nil {
		return "", true, fmt.Errorf("couldn't encode the evidence: %w", err)
	}
	if err := durable.WriteFile(filepath.Join(e.dir, name), append(body, '\n'), 0o600); err != nil {
		return "", true, err
	}
	names = append(names, name)
	for len(names) > maxEvidence {
		if err := os.Remove(filepath.Join(e.dir, names[0])); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return name, true, fmt.Errorf("couldn't remove old evidence: %w", err)
		}
		names = names[1:]
	}
	e.kept[group] = names
	return name, true, nil
}

// keep writes evidence of what was signed and should not have been, and tells
// the operator.
func (w *Witness) keep(kind string, l *logState, ours head, r *request, theirs string) {
	ev := Evidence{
		V: 1, Kind: kind, Seen: w.now().UTC().Truncate(time.Second), Log: l.Origin, Says: says[kind],
		Witness: w.key.vkey, Theirs: theirs, Proof: r.proof,
	}
	if ours.Note != "" {
		ev.Ours = string(w.cosigned(ours))
	}
	what := fmt.Sprintf("%d %x %d %x", ours.Size, ours.Root, r.Size, r.Root)
	name, fresh, err := w.evidence.add(ev, what)
	level := slog.LevelError
	if kind == Unproven {
		level = slog.LevelWarn
	}
	switch {
	case err != nil:
		w.log.Error("evidence couldn't be kept", "kind", kind, "log", l.Origin, "what", ev.Says, "error", err.Error())
	case fresh:
		w.log.Log(context.Background(), level, ev.Says, "kind", kind, "log", l.Origin, "ours", ours.Size, "theirs", r.Size, "evidence", name)
	}
}
