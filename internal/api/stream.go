package api

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"
)

// Event is one line of an answer that comes bit by bit: how far the work is,
// an item of a listing, or, last, the result or the problem. An answer
// without such an end was cut off.
type Event struct {
	Progress *Progress       `json:"progress,omitempty"`
	Item     json.RawMessage `json:"item,omitempty"`
	Result   json.RawMessage `json:"result,omitempty"`
	Problem  *Problem        `json:"problem,omitempty"`
}

// Progress is how far long work is.
type Progress struct {
	Stage string `json:"stage"`
	Done  int64  `json:"done"`
	Total int64  `json:"total,omitempty" doc:"0 when it is not known"`
}

const streamType = "application/x-ndjson"

// progressEvery bounds how often progress is told.
const progressEvery = 100 * time.Millisecond

// streamed registers an operation that answers with events. work reports
// progress and items, and returns the result. Its context ends when the
// client goes away.
func streamed[In, Out any](a huma.API, op huma.Operation, work func(context.Context, *In, *events) (Out, error)) {
	registry := a.OpenAPI().Components.Schemas
	op.Responses = map[string]*huma.Response{"200": {
		Description: "one event a line",
		Content:     map[string]*huma.MediaType{streamType: {Schema: registry.Schema(reflect.TypeFor[Event](), true, "Event")}},
	}}
	huma.Register(a, op, func(ctx context.Context, in *In) (*huma.StreamResponse, error) {
		return &huma.StreamResponse{Body: func(hc huma.Context) {
			hc.SetHeader("Content-Type", streamType)
			e := &events{out: hc.BodyWriter()}
			result, err := work(ctx, in, e)
			if err != nil {
				e.send(Event{Problem: problem(err)})
				return
			}
			body, err := json.Marshal(result)
			if err != nil {
				e.send(Event{Problem: problem(fmt.Errorf("couldn't write the result: %w", err))})
				return
			}
			e.send(Event{Result: body})
		}}, nil
	})
}

// events writes events to a client.
type events struct {
	mu   sync.Mutex // guards all
	out  io.Writer
	last time.Time
	err  error // of the first failed write
}

func (e *events) send(ev Event) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.err != nil {
		return
	}
	line, err := json.Marshal(ev)
	if err == nil {
		_, err = e.out.Write(append(line, '\n'))
	}
	if w, ok := e.out.(http.ResponseWriter); err == nil && ok && ev.Item == nil {
		err = http.NewResponseController(w).Flush()
	}
	e.err = err
}

// progress tells how far the work is, if that was not told just now.
func (e *events) progress(stage string, done, total int64) {
	e.mu.Lock()
	due := time.Since(e.last) >= progressEvery
	if due {
		e.last = time.Now()
	}
	e.mu.Unlock()
	if due {
		e.send(Event{Progress: &Progress{stage, done, total}})
	}
}

// item sends one item of a listing; the error says that the client is gone.
func (e *events) item(v any) error {
	body, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("couldn't write an item: %w", err)
	}
	e.send(Event{Item: body})
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.err
}

// ErrCut: the server went away in the middle of an answer.
var ErrCut = errors.New("the server went away in the middle of its answer")

// follow reads events until the result.
func follow(body io.Reader, result any, progress func(Progress), item func(json.RawMessage) error) error {
	lines := bufio.NewReader(body)
	for {
		line, err := lines.ReadBytes('\n')
		if err != nil {
			return ErrCut
		}
		var ev Event
		if err := json.Unmarshal(line, &ev); err != nil {
			return fmt.Errorf("couldn't read the server's answer: %w", err)
		}
		switch {
		case ev.Problem != nil:
			return ev.Problem
		case ev.Result != nil:
			return json.Unmarshal(ev.Result, result)
		case ev.Progress != nil && progress != nil:
			progress(*ev.Progress)
		case ev.Item != nil && item != nil:
			if err := item(ev.Item); err != nil {
				return err
			}
		}
	}
}
