//go:build unix

package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/spf13/cobra"

	"writ/internal/api"
	"writ/internal/folder"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"writ":    func() { os.Exit(run()) },
		"s3":      func() { os.Exit(s3Client(os.Args[1:])) },
		"bigfile": func() { os.Exit(bigFile(os.Args[1:])) },
		"ledger":  func() { os.Exit(makeLedger(os.Args[1:])) },
		"website": func() { os.Exit(website(os.Args[1:])) },
	})
}

// TestStories runs every tale of testdata, each from nothing.
func TestStories(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata",
		Setup: func(e *testscript.Env) error {
			// Free ports, so that stories can be told at once.
			for _, name := range []string{"WRIT_S3", "WRIT_WEB", "WRIT_METRICS"} {
				e.Setenv(name, "127.0.0.1:0")
			}
			e.Setenv("FREE", freeAddress())
			e.Setenv("NOW", time.Now().UTC().Format(time.RFC3339))
			// Else each process under the race detector sleeps for a second
			// before it ends.
			e.Setenv("GORACE", "atexit_sleep_ms=0 "+os.Getenv("GORACE"))
			vectors, err := filepath.Abs("../../internal/proof/testdata/vectors")
			e.Setenv("VECTORS", vectors)
			e.Setenv("PACKS", filepath.Join(vectors, "../../../../packs"))
			e.Setenv("SOON", time.Now().AddDate(0, 1, 0).UTC().Format(time.DateOnly))
			return err
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"await":    await,
			"batches":  awaitBatches,
			"address":  address,
			"flip":     flip,
			"httpget":  httpget,
			"told":     toldDemo,
			"staffed":  staffed,
			"agekey":   ageKey,
			"case":     caseIs,
			"answers":  answerAll,
			"standing": rules,
			"noticed":  noticed,
			"escalate": escalate,
			"audited":  audited,
			"inbox":    inbox,
			"random":   random,
			"passkey":  passkey,
		},
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
	})
}

// freeAddress returns an address on which nothing listens, below the ports that
// the kernel gives to outgoing connections.
func freeAddress() string {
	for {
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", 10000+rand.IntN(22000)))
		if err == nil {
			defer l.Close()
			return l.Addr().String()
		}
	}
}

// await DATA waits until the server on a data folder is ready.
func await(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: await DATA")
	}
	for range 2400 {
		if c, err := api.Dial(context.Background(), folder.Folder(ts.MkAbs(args[0]))); err == nil {
			c.Close()
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	ts.Fatalf("no server came up on %s", args[0])
}

// address DATA sets S3_URL and WEB_URL to where the server on a data folder
// listens.
func address(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: address DATA")
	}
	c, err := api.Dial(context.Background(), folder.Folder(ts.MkAbs(args[0])))
	ts.Check(err)
	defer c.Close()
	at, err := c.Server(context.Background())
	ts.Check(err)
	ts.Setenv("S3_URL", "https://"+at.S3)
	ts.Setenv("WEB_URL", "https://"+at.Web)
}

// batches DATA N waits until the public log of a running server has published
// N batches more.
func awaitBatches(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: batches DATA N")
	}
	more, err := strconv.ParseUint(args[1], 10, 16)
	ts.Check(err)
	c, err := api.Dial(context.Background(), folder.Folder(ts.MkAbs(args[0])))
	ts.Check(err)
	defer c.Close()
	until := uint64(0)
	for range 1200 {
		l, err := c.Ledger(context.Background())
		ts.Check(err)
		if until == 0 {
			until = l.Batch + more
		}
		if l.Batch >= until {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	ts.Fatalf("the public log does not go on")
}

// toldDemo FOLDER waits until the demo whose scratch folder lies in a folder
// has told all of it.
func toldDemo(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: told FOLDER")
	}
	for range 1800 {
		if told, _ := filepath.Glob(filepath.Join(ts.MkAbs(args[0]), "writ-demo-*", "your-turn.txt")); len(told) == 1 {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	ts.Fatalf("the demo did not come to its end")
}

// flip FOLDER OFFSET changes a bit of the largest file in a folder.
func flip(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: flip FOLDER OFFSET")
	}
	var name string
	var most int64
	ts.Check(filepath.WalkDir(ts.MkAbs(args[0]), func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		info, err := d.Info()
		if err == nil && info.Size() > most {
			name, most = path, info.Size()
		}
		return err
	}))
	at, err := strconv.ParseInt(args[1], 10, 64)
	ts.Check(err)
	f, err := os.OpenFile(name, os.O_RDWR, 0)
	ts.Check(err)
	defer f.Close()
	var b [1]byte
	_, err = f.ReadAt(b[:], at)
	ts.Check(err)
	b[0] ^= 1
	_, err = f.WriteAt(b[:], at)
	ts.Check(err)
}

// httpget DATA PATH STATUS asks the metrics listener of a running server.
func httpget(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: httpget DATA PATH STATUS")
	}
	c, err := api.Dial(context.Background(), folder.Folder(ts.MkAbs(args[0])))
	ts.Check(err)
	defer c.Close()
	at, err := c.Server(context.Background())
	ts.Check(err)
	resp, err := http.Get("http://" + at.Metrics + args[1])
	ts.Check(err)
	resp.Body.Close()
	if want, _ := strconv.Atoi(args[2]); resp.StatusCode != want {
		ts.Fatalf("%s answers %s", args[1], resp.Status)
	}
}

// TestEveryCommandExplainsItself: a sentence, an example that names the
// command, and --json on all that list or show.
func TestEveryCommandExplainsItself(t *testing.T) {
	var walk func(cmd *cobra.Command)
	walk = func(cmd *cobra.Command) {
		if cmd.Short == "" || cmd.Example == "" {
			t.Errorf("%s has no short help or no example", cmd.CommandPath())
		}
		if !cmd.HasSubCommands() && !strings.Contains(cmd.Example, strings.TrimPrefix(cmd.CommandPath(), "writ ")) {
			t.Errorf("the example of %s does not show it: %s", cmd.CommandPath(), cmd.Example)
		}
		if slices.Contains([]string{"list", "show"}, cmd.Name()) && cmd.Flags().Lookup("json") == nil {
			t.Errorf("%s has no --json", cmd.CommandPath())
		}
		for _, sub := range cmd.Commands() {
			walk(sub)
		}
	}
	walk(newRoot())
}

// TestReport: one line says what failed, one what to do; nothing else.
func TestReport(t *testing.T) {
	for _, c := range []struct {
		err  error
		want []told
	}{
		{errors.New("couldn't do it\nbecause"), []told{{"couldn't do it; because", ""}}},
		{fmt.Errorf("/srv/writ: %w", folder.ErrNewer), []told{{"/srv/writ: data folder was written by a newer version of writ", "run the newer version of writ, or restore a backup made by this one"}}},
		{&api.Problem{Status: 404, Detail: "no such customer", Hint: "look"}, []told{{"no such customer", "look"}}},
	} {
		if got := explain(c.err); !slices.Equal(got, c.want) {
			t.Errorf("got %q, want %q", got, c.want)
		}
	}
}

func TestSizes(t *testing.T) {
	for text, want := range map[string]int64{"0": 0, "500": 500, "10GiB": 10 << 30, "2 TiB": 2 << 40, "1KiB": 1024, "7 B": 7} {
		if got, err := parseSize(text); err != nil || got != want {
			t.Errorf("%s: %d %v", text, got, err)
		}
	}
	for _, text := range []string{"", "-1", "x", "1GB", "99999999999PiB"} {
		if _, err := parseSize(text); err == nil {
			t.Errorf("%q is taken for a size", text)
		}
	}
	for n, want := range map[int64]string{0: "0 B", 1023: "1023 B", 1536: "1.5 KiB", 10 << 30: "10.0 GiB"} {
		if got := size(n); got != want {
			t.Errorf("%d: %s", n, got)
		}
	}
}
