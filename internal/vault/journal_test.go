package vault

import (
	"errors"
	"testing"

	"writ/internal/gate"
)

// TestOwnJournal: a customer reads its own journal, and nobody does by a URL.
func TestOwnJournal(t *testing.T) {
	r := newRig(t)
	read := func(s Session) (ops []string, failed error) {
		for e, err := range r.Journal(r.ctx, s, gate.JournalQuery{}) {
			if err != nil {
				return ops, err
			}
			ops = append(ops, e.Op)
		}
		return ops, nil
	}
	if ops, err := read(r.clinic); err != nil || len(ops) == 0 || ops[len(ops)-1] != "journal" {
		t.Errorf("the owner reads %v, %v", ops, err)
	}
	presigned := r.clinic
	presigned.Presigned = true
	for what, s := range map[string]Session{"presigned": presigned, "anonymous": {}} {
		if ops, err := read(s); err == nil || len(ops) > 0 {
			t.Errorf("%s reads %v", what, ops)
		} else if what == "presigned" && !errors.Is(err, gate.ErrDenied) {
			t.Errorf("%s: %v", what, err)
		}
	}
}
