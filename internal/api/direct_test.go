package api_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"writ/internal/api"
	"writ/internal/staff"
)

// TestWithin: code of this process asks as whom its context names, with that
// one's powers, and as nobody without.
func TestWithin(t *testing.T) {
	h := newHouse(t)
	desk := api.Within(api.OfficeHandler(h.Office))
	as := func(name string) context.Context {
		who, err := h.Staff.Authenticate(h.Ctx, h.Tokens[name], h.Owner.Addr, h.Now())
		h.Must(err)
		return api.As(h.Ctx, who)
	}
	c, err := desk.Receive(as("noor"), api.DemandInput{Demand: h.EPOC("within")})
	h.Must(err)
	body := strings.Repeat("an order, ", 100_000)
	_, err = desk.Attach(as("noor"), string(c.Case), "order", "order.txt", "", "", []byte(body))
	h.Must(err)
	c, err = desk.Case(as("mira"), string(c.Case))
	h.Must(err)
	r, err := desk.Document(as("mira"), string(c.Case), c.Documents[0].ID.String())
	h.Must(err)
	defer r.Close()
	if got, err := io.ReadAll(r); err != nil || string(got) != body {
		t.Errorf("a document of %d bytes came back as %d: %v", len(body), len(got), err)
	}
	_, err = desk.Move(as("noor"), string(c.Case), "approve", api.ApproveInput{})
	isCode(t, err, http.StatusForbidden, "role")
	_, err = desk.Case(h.Ctx, string(c.Case))
	isCode(t, err, http.StatusUnauthorized, "token")
	_, err = desk.Case(api.As(h.Ctx, staff.Identity{}), string(c.Case))
	isCode(t, err, http.StatusUnauthorized, "session")
	_, err = desk.Case(api.As(h.Ctx, staff.Identity{Person: "mira.lindqvist"}), string(c.Case))
	isCode(t, err, http.StatusUnauthorized, "session")
}

// TestWithinStops: a reader that goes away stops the handler, and a handler that
// fails ends its answer as broken.
func TestWithinStops(t *testing.T) {
	stopped := make(chan error, 1)
	desk := api.Within(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for {
			if _, err := io.WriteString(w, "on and on"); err != nil {
				stopped <- r.Context().Err()
				return
			}
		}
	}))
	r, err := desk.Document(t.Context(), "x", "y")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(r, make([]byte, 1000)); err != nil {
		t.Fatal(err)
	}
	r.Close()
	select {
	case <-stopped:
	case <-time.After(10 * time.Second):
		t.Fatal("the handler goes on")
	}
	broken := api.Within(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		io.WriteString(w, "half")
		panic("planted")
	}))
	r, err = broken.Document(t.Context(), "x", "y")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadAll(r); err == nil {
		t.Errorf("half an answer ended with %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	silent := api.Within(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
	if _, err := silent.Document(ctx, "x", "y"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("waiting for nothing ended with %v", err)
	}
}
