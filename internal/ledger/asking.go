package ledger

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"writ/internal/witness"
)

// witnessLine is a witness as a policy names it.
type witnessLine struct{ name, vkey, url string }

// witnessLines takes the witnesses out of a policy that has been checked.
func witnessLines(policy string) []witnessLine {
	var all []witnessLine
	for line := range strings.Lines(policy) {
		line, _, _ = strings.Cut(line, "#")
		if f := strings.Fields(line); len(f) == 4 && f[0] == "witness" {
			all = append(all, witnessLine{f[1], f[2], f[3]})
		}
	}
	return all
}

// newClients makes a client for each witness of a policy, by name.
func newClients(policy string, httpClient *http.Client, timeout time.Duration) ([]*asked, error) {
	var all []*asked
	for _, l := range witnessLines(policy) {
		c, err := witness.NewClient(l.url, l.vkey, httpClient, timeout)
		if err != nil {
			return nil, fmt.Errorf("witness %s of the policy: %w", l.name, err)
		}
		all = append(all, &asked{name: l.name, client: c})
	}
	return all, nil
}

// asked is a witness that the log asks.
type asked struct {
	name   string
	client *witness.Client
}

// answer is what a witness said in a round.
type answer struct {
	from  *asked
	cosig witness.Cosignature
	err   error
}

// errSlow: the quorum held, and the round didn't wait for this witness.
var errSlow = errors.New("it was not waited for")

// ask shows a checkpoint to all witnesses at once, and returns it with the
// cosignatures that came. Once the quorum holds it waits for the others only as
// long as grace. Each witness is bounded by its client's time. Answers are
// returned in the order of the policy.
func ask(ctx context.Context, witnesses []*asked, signed []byte, prove witness.Prove, enough func([]byte) bool, grace time.Duration) ([]byte, []answer) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	type numbered struct {
		i int
		answer
	}
	came := make(chan numbered, len(witnesses))
	for i, a := range witnesses {
		go func() {
			cosig, err := a.client.Cosign(ctx, signed, prove)
			came <- numbered{i, answer{a, cosig, err}}
		}()
	}
	answers := make([]answer, len(witnesses))
	for i, a := range witnesses {
		answers[i] = answer{from: a, err: errSlow}
	}
	var over <-chan time.Time
	cosigned := bytes.Clone(signed)
	for left := len(witnesses); left > 0; left-- {
		if over == nil && enough(cosigned) {
			timer := time.NewTimer(grace)
			defer timer.Stop()
			over = timer.C
		}
		select {
		case n := <-came:
			answers[n.i] = n.answer
			if n.err == nil {
				cosigned = append(cosigned, n.cosig.Line...)
			}
		case <-over:
			return cosigned, answers
		}
	}
	return cosigned, answers
}
