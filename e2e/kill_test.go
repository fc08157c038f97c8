package e2e

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
	"github.com/minio/minio-go/v7"
)

// The register that each key is: a put writes a number, a delete writes 0, a
// get reads one. Unknown outcomes (the server died under them) may have taken
// effect at any later time, or never.
type (
	registerInput struct {
		op    string // "put", "delete", "get"
		key   string
		value uint64
	}
	registerOutput struct {
		value   uint64
		unknown bool
	}
)

var register = porcupine.Model{
	Partition: func(history []porcupine.Operation) [][]porcupine.Operation {
		byKey := map[string][]porcupine.Operation{}
		for _, op := range history {
			key := op.Input.(registerInput).key
			byKey[key] = append(byKey[key], op)
		}
		parts := make([][]porcupine.Operation, 0, len(byKey))
		for _, part := range byKey {
			parts = append(parts, part)
		}
		return parts
	},
	Init: func() any { return uint64(0) },
	Step: func(state, input, output any) (bool, any) {
		in, out := input.(registerInput), output.(registerOutput)
		switch in.op {
		case "put":
			return true, in.value
		case "delete":
			return true, uint64(0)
		}
		return out.unknown || out.value == state.(uint64), state
	},
	DescribeOperation: func(input, output any) string {
		in, out := input.(registerInput), output.(registerOutput)
		return fmt.Sprintf("%s %s %d -> %d unknown=%v", in.op, in.key, in.value, out.value, out.unknown)
	},
}

// history gathers operations with times from one clock.
type history struct {
	mu    sync.Mutex
	start time.Time
	ops   []porcupine.Operation
}

func (h *history) now() int64 { return int64(time.Since(h.start)) }

func (h *history) add(op porcupine.Operation) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.ops = append(h.ops, op)
}

// bodySizes are sizes on both sides of each limit: in the record, in a
// segment, in a file of its own, and several parts.
var bodySizes = []int{16, 4 << 10, 40 << 10, 300 << 10, 2 << 20, 11 << 20}

// body is the content of one value: its number over and over, so that a
// mixture of two values, a hole or a cut is seen.
func body(value uint64) []byte {
	size := bodySizes[value%uint64(len(bodySizes))]
	b := make([]byte, size)
	for i := 0; i+8 <= size; i += 8 {
		binary.BigEndian.PutUint64(b[i:], value^uint64(i)<<32)
	}
	return b
}

// valueOf reads the number back and checks every byte of the body.
func valueOf(b []byte) (uint64, error) {
	if len(b) < 8 {
		return 0, fmt.Errorf("only %d bytes", len(b))
	}
	value := binary.BigEndian.Uint64(b)
	if !bytes.Equal(b, body(value)) {
		return 0, fmt.Errorf("%d bytes that are not what was put as %d", len(b), value)
	}
	return value, nil
}

// TestKill is invariant 8: what was acknowledged survives kill -9 at any
// instant, and what readers saw is linearizable for each key.
func TestKill(t *testing.T) {
	kills := 50
	if n, err := strconv.Atoi(os.Getenv("WRIT_SOAK_KILLS")); err == nil {
		kills = n
	}
	s := run(t)
	c := s.customer("harbour-clinic")
	const bucket = "kill-bucket"
	s.bucket(s.client(c, s.s3), bucket)
	h := &history{start: time.Now()}
	var last sync.Map // key -> true, all keys ever used
	var number uint64
	var numbers sync.Mutex
	fresh := func() uint64 {
		numbers.Lock()
		defer numbers.Unlock()
		number++
		return number
	}
	for kill := range kills {
		// Few keys in each life of the server, so that they are fought over;
		// new ones in each, so that histories stay short enough to check.
		var keys []string
		for k := range 5 {
			key := fmt.Sprintf("life-%03d/key-%d", kill, k)
			keys = append(keys, key)
			last.Store(key, true)
		}
		ctx, cancel := context.WithCancel(context.Background())
		client := s.client(c, s.s3)
		var wg sync.WaitGroup
		for worker := range 6 {
			wg.Go(func() {
				rng := rand.New(rand.NewPCG(uint64(kill), uint64(worker)))
				for ctx.Err() == nil {
					act(t, ctx, client, h, worker, bucket, keys[rng.IntN(len(keys))], rng, fresh)
				}
			})
		}
		time.Sleep(time.Duration(50+rand.IntN(450)) * time.Millisecond)
		s.kill()
		cancel()
		wg.Wait()
		s.start()
		client = s.client(c, s.s3)
		for _, key := range keys {
			read(t, context.Background(), client, h, 99, bucket, key)
		}
	}
	// Once more, all of them, after a clean restart.
	s.stop()
	s.start()
	client := s.client(c, s.s3)
	last.Range(func(key, _ any) bool {
		read(t, context.Background(), client, h, 99, bucket, key.(string))
		return true
	})
	end := h.now()
	for i := range h.ops {
		if out := h.ops[i].Output.(registerOutput); out.unknown {
			h.ops[i].Return = end
		}
	}
	if result := porcupine.CheckOperationsTimeout(register, h.ops, 2*time.Minute); result != porcupine.Ok {
		t.Fatalf("%d operations over %d kills are not linearizable: %s", len(h.ops), kills, result)
	}
	t.Logf("%d operations over %d kills are linearizable", len(h.ops), kills)
	// A kill between a blob and its record leaves an orphan, and nothing else:
	// with those removed, all is whole.
	s.stop()
	if out, err := s.tryAdmin("fsck", "--repair", "--key-file", s.keyFile); err != nil {
		t.Logf("fsck --repair: %v: %s", err, tail(string(out), 1500))
	}
	if out, err := s.tryAdmin("fsck", "--key-file", s.keyFile); err != nil {
		t.Fatalf("fsck after the kills: %v: %s", err, out)
	}
}

// act does one random operation and keeps what became of it.
func act(t *testing.T, ctx context.Context, client *minio.Client, h *history, worker int, bucket, key string, rng *rand.Rand, fresh func() uint64) {
	switch roll := rng.IntN(10); {
	case roll < 5:
		read(t, ctx, client, h, worker, bucket, key)
	case roll < 9:
		value := fresh()
		call := h.now()
		b := body(value)
		_, err := client.PutObject(ctx, bucket, key, bytes.NewReader(b), int64(len(b)), minio.PutObjectOptions{PartSize: 5 << 20})
		h.add(porcupine.Operation{ClientId: worker, Input: registerInput{"put", key, value}, Call: call,
			Output: registerOutput{unknown: err != nil}, Return: h.now()})
	default:
		call := h.now()
		err := client.RemoveObject(ctx, bucket, key, minio.RemoveObjectOptions{})
		h.add(porcupine.Operation{ClientId: worker, Input: registerInput{"delete", key, 0}, Call: call,
			Output: registerOutput{unknown: err != nil}, Return: h.now()})
	}
}

// read gets a key and keeps the number that it holds. Bytes that were never
// put are a failure at once.
func read(t *testing.T, ctx context.Context, client *minio.Client, h *history, worker int, bucket, key string) {
	call := h.now()
	value, err := get(ctx, client, bucket, key)
	if errors.Is(err, errWrong) {
		t.Error(err)
	}
	if err != nil {
		if worker == 99 {
			t.Errorf("couldn't read %s after a restart: %v", key, err)
		}
		return // a read without an answer constrains nothing
	}
	h.add(porcupine.Operation{ClientId: worker, Input: registerInput{"get", key, 0}, Call: call,
		Output: registerOutput{value: value}, Return: h.now()})
}

var errWrong = errors.New("wrong bytes were served")

func get(ctx context.Context, client *minio.Client, bucket, key string) (uint64, error) {
	obj, err := client.GetObject(ctx, bucket, key, minio.GetObjectOptions{})
	if err != nil {
		return 0, err
	}
	defer obj.Close()
	b, err := io.ReadAll(obj)
	if minio.ToErrorResponse(err).Code == "NoSuchKey" {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	value, err := valueOf(b)
	if err != nil {
		return 0, fmt.Errorf("%w: %s: %w", errWrong, key, err)
	}
	return value, nil
}
