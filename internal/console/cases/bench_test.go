//go:build unix

package cases

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"writ/internal/api"
	"writ/internal/console/consoletest"
)

// Bounds of the console under load.
const (
	openCases  = 2_000
	pastCases  = 98_000
	clients    = 200
	think      = 5 * time.Second
	loadedTime = time.Minute
)

// busy is a docket of 100,000 cases, 2,000 of them open.
func busy(b *testing.B) (r *rig, ids []string) {
	r = newRig(b)
	var file bytes.Buffer
	instruments := []string{"us.subpoena", "us.2703d", "us.warrant", "eu.epoc", "domestic", "mlat"}
	begin := r.Now().AddDate(-2, 0, 0)
	for i := range pastCases {
		at := begin.Add(time.Duration(i) * 10 * time.Minute)
		fmt.Fprintf(&file, `{"ref":"r-%06d","received":%q,"agency":{"name":"Landgericht Falkenmoor %d","country":"DE"},"instrument":%q,"matter":"criminal","accounts_specified":1,"closed":{"at":%q,"outcome":"rejected","notice":"none","accounts_affected":0}}`+"\n",
			i, at.Format(time.DateOnly), i%500, instruments[i%len(instruments)], at.AddDate(0, 0, 1).Format(time.DateOnly))
	}
	if _, err := r.House.Desk("noor").Import(r.Ctx, &file); err != nil {
		b.Fatal(err)
	}
	desk := r.House.Desk("noor")
	for i := range openCases {
		d := r.EPOC(fmt.Sprintf("%d Gs %d/26", i%40, i))
		d.Emergency, d.Identifiers = i%100 == 0, []string{fmt.Sprintf("account-%d", i)}
		d.Received = d.Received.Add(-time.Duration(i) * 6 * time.Minute)
		d.Signed = d.Received.Add(-time.Hour)
		c, err := desk.Receive(r.Ctx, api.DemandInput{Demand: d})
		r.Must(err)
		ids = append(ids, string(c.Case))
	}
	return r, ids
}

// cpu is the processor time that this process has used.
func cpu(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkPages are 200 people who work: over TLS, each with a connection of its
// own, they open a page, read it for five seconds, and open the next.
func BenchmarkPages(b *testing.B) {
	r, ids := busy(b)
	pool := x509.NewCertPool()
	pool.AddCert(r.Server.Certificate())
	one := func(name, path string) {
		b.Run(name, func(b *testing.B) {
			before := cpu(b)
			for b.Loop() {
				req := httptest.NewRequest(http.MethodGet, path, nil)
				req.Header.Set(consoletest.AsHeader, "mira")
				req.Header.Set("Accept-Encoding", "gzip")
				w := httptest.NewRecorder()
				r.Server.Config.Handler.ServeHTTP(w, req)
				if w.Code != 200 || w.Body.Len() > 100<<10 {
					b.Fatal(w.Code, w.Body.Len())
				}
			}
			b.ReportMetric(float64(cpu(b)-before)/float64(b.N), "cpu-ns/op")
		})
	}
	one("board", "/docket")
	one("table", "/docket?view=table")
	one("search", "/docket?view=table&state=all&text=falkenmoor+499")
	one("case", "/docket/"+ids[0])
	b.Run("load", func(b *testing.B) {
		for b.Loop() {
			took := r.load(b, pool, ids)
			slices.Sort(took)
			b.ReportMetric(float64(took[len(took)/2]), "median-ns")
			b.ReportMetric(float64(took[len(took)*99/100]), "p99-ns")
			b.ReportMetric(float64(took[len(took)-1]), "worst-ns")
			b.ReportMetric(float64(len(took))/loadedTime.Seconds(), "pages/s")
		}
	})
}

func (r *rig) load(b *testing.B, pool *x509.CertPool, ids []string) (all []time.Duration) {
	ctx, cancel := context.WithTimeout(r.Ctx, loadedTime)
	defer cancel()
	var mu sync.Mutex // guards all
	var running sync.WaitGroup
	for n := range clients {
		running.Go(func() {
			tr := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}, ForceAttemptHTTP2: true}
			defer tr.CloseIdleConnections()
			client := &http.Client{Transport: tr}
			who := []string{"mira", "theo", "noor", "sam"}[n%4]
			wait(ctx, rand.N(think)) // they don't begin at once
			for ctx.Err() == nil {
				path := "/docket"
				switch k := rand.IntN(10); {
				case k < 3:
					path = "/docket/" + ids[rand.IntN(len(ids))]
				case k < 5:
					path = "/docket?view=table"
				case k < 6:
					path = "/docket?view=table&state=all&text=falkenmoor+" + fmt.Sprint(rand.IntN(500))
				}
				req, err := http.NewRequestWithContext(r.Ctx, http.MethodGet, r.Server.URL+path, nil)
				if err != nil {
					b.Error(err)
					return
				}
				req.Header.Set(consoletest.AsHeader, who)
				began := time.Now()
				resp, err := client.Do(req)
				if err != nil {
					b.Error(err)
					return
				}
				page, err := io.ReadAll(resp.Body)
				resp.Body.Close()
				if err != nil || resp.StatusCode != 200 || !strings.Contains(string(page), "</html>") {
					b.Errorf("%s: %d %v", path, resp.StatusCode, err)
					return
				}
				mu.Lock()
				all = append(all, time.Since(began))
				mu.Unlock()
				wait(ctx, think*4/5+rand.N(think*2/5))
			}
		})
	}
	running.Wait()
	return all
}
