package api

import (
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"writ"
	"writ/internal/docket"
)

// DeliveryPath is where authorities fetch packages.
const DeliveryPath = "/delivery/"

// DeliveryHandler serves packages to whom they are for: by a one-time code
// (Authorization: Bearer CODE) or by a client's certificate that the
// connection has proven. Every refusal is the same answer.
//
//	GET  /delivery/CASE          what there is, as JSON
//	GET  /delivery/CASE/FILE     a file, with ranges
//	POST /delivery/CASE/receipt  the collector's word that it has the package
func DeliveryHandler(d *docket.Docket) http.Handler {
	h := Deliveries{d}
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+DeliveryPath+"{case}", h.offered)
	mux.HandleFunc("GET "+DeliveryPath+"{case}/{file}", h.fetched)
	mux.HandleFunc("POST "+DeliveryPath+"{case}/receipt", h.collected)
	return patient(mux)
}

// Deliveries hands packages over, to programs by [DeliveryHandler] and to who
// comes with a browser by pages. Who asks is said by the one-time code, which is
// kept in no address, or by the certificate that the request's connection has
// proven. Errors are [Problem] values: one for whoever it is not for.
type Deliveries struct{ Docket *docket.Docket }

// collector is who asks, by what it shows; a code that is given goes before one in
// the request.
func collector(r *http.Request, code string) docket.Collector {
	who := docket.Collector{Addr: remote(r).String(), Code: code}
	if shown, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); ok && code == "" {
		who.Code = shown
	}
	if r.TLS != nil && len(r.TLS.PeerCertificates) > 0 {
		who.Certificate = certificateDigest(r.TLS.PeerCertificates[0])
	}
	return who
}

func noDelivery() *Problem {
	return &Problem{Status: http.StatusNotFound, Title: "Not Found", Code: "no-delivery", Detail: "there is no such delivery for you, or its time is over"}
}

// Offer is what there is to fetch.
type Offer struct {
	Files     []docket.ProducedVolume `json:"files"`
	Manifest  string                  `json:"tagmanifest_sha256" doc:"covers every byte of the bag"`
	Times     int                     `json:"times" doc:"how often each may be fetched in all"`
	Until     time.Time               `json:"until"`
	Confirmed time.Time               `json:"confirmed,omitzero" doc:"when the receipt was confirmed"`
}

// Offer says what there is for who asks.
func (h Deliveries) Offer(r *http.Request, id, code string) (Offer, error) {
	c, err := writ.ParseCaseID(strings.ToUpper(id))
	if err != nil {
		return Offer{}, noDelivery()
	}
	o, err := h.Docket.Offered(r.Context(), c, collector(r, code))
	if err != nil {
		return Offer{}, noDelivery()
	}
	return Offer{o.Volumes, o.Manifest, o.Times, o.Until, o.Confirmed}, nil
}

// Send answers with a file, or the range of it that the request is for.
func (h Deliveries) Send(w http.ResponseWriter, r *http.Request, id, file, code string) error {
	offer, err := h.Offer(r, id, code)
	if err != nil {
		return err
	}
	wanted := ranged(r, tag(offer.Files, file), w.Header())
	f, err := h.Docket.Fetch(r.Context(), writ.CaseID(strings.ToUpper(id)), collector(r, code), file, func(size int64) (int64, error) { return asked(r.Method, wanted, size) })
	if errors.Is(err, docket.ErrDelivery) {
		w.Header().Del("ETag")
		return noDelivery()
	}
	if err != nil {
		w.Header().Del("ETag")
		return &Problem{Status: http.StatusInternalServerError, Title: "Internal Server Error", Detail: "the package cannot be read; ask the provider"}
	}
	defer f.Close()
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set("Content-Disposition", attachment(file))
	w.Header().Set("Cache-Control", "no-store")
	http.ServeContent(w, r, "", time.Time{}, f)
	return nil
}

// maxReceipt bounds the note of a receipt, in bytes.
const maxReceipt = 4096

// Confirm takes the collector's word that it has the package; the first counts.
func (h Deliveries) Confirm(r *http.Request, id, code, note string) error {
	c, err := writ.ParseCaseID(strings.ToUpper(id))
	if err == nil && len(note) <= maxReceipt {
		err = h.Docket.Receipt(r.Context(), c, collector(r, code), note)
	} else {
		err = docket.ErrDelivery
	}
	if err != nil {
		return noDelivery()
	}
	return nil
}

// told answers with an error.
func told(w http.ResponseWriter, err error) { refuse(w, problem(err)) }

func (h Deliveries) offered(w http.ResponseWriter, r *http.Request) {
	offer, err := h.Offer(r, r.PathValue("case"), "")
	if err != nil {
		told(w, err)
		return
	}
	writeAnswer(w, offer)
}

func (h Deliveries) fetched(w http.ResponseWriter, r *http.Request) {
	if err := h.Send(w, r, r.PathValue("case"), r.PathValue("file"), ""); err != nil {
		told(w, err)
	}
}

func (h Deliveries) collected(w http.ResponseWriter, r *http.Request) {
	text, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxReceipt))
	if err != nil {
		told(w, noDelivery())
		return
	}
	if err := h.Confirm(r, r.PathValue("case"), "", string(text)); err != nil {
		told(w, err)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// tag is the entity tag of a volume, so that a download that was cut off can go
// on; "" for the files that describe the package.
func tag(volumes []docket.ProducedVolume, name string) string {
	for _, v := range volumes {
		if v.Name == name {
			return `"` + v.SHA256 + `"`
		}
	}
	return ""
}

// ranged is the range that a request is for, "" for all of the file. What is
// counted must be what is given: a condition that net/http would judge after
// the counting (If-Range with another tag makes it send everything) is judged
// here, and the headers of the request are made to say the same.
func ranged(r *http.Request, tag string, answer http.Header) string {
	if tag != "" {
		answer.Set("ETag", tag)
	}
	if when := r.Header.Get("If-Range"); when != "" && when != tag {
		r.Header.Del("Range")
	}
	r.Header.Del("If-Range")
	return r.Header.Get("Range")
}

// asked is how many bytes a request is for: of one range at most (RFC 9110,
// section 14). Several at once are no way to fetch a package. Who asks for the
// headers alone gets no bytes.
func asked(method, header string, size int64) (int64, error) {
	if method == http.MethodHead {
		return 0, nil
	}
	if header == "" {
		return size, nil
	}
	spec, ok := strings.CutPrefix(header, "bytes=")
	from, to, found := strings.Cut(spec, "-")
	if !ok || !found || strings.Contains(spec, ",") {
		return 0, docket.ErrDelivery
	}
	if from == "" { // the last so many
		n, err := strconv.ParseInt(to, 10, 64)
		if err != nil || n < 0 {
			return 0, docket.ErrDelivery
		}
		return min(n, size), nil
	}
	first, err := strconv.ParseInt(from, 10, 64)
	if err != nil || first < 0 || first > size {
		return 0, docket.ErrDelivery
	}
	last := size - 1
	if to != "" {
		if last, err = strconv.ParseInt(to, 10, 64); err != nil || last < first {
			return 0, docket.ErrDelivery
		}
	}
	return min(last, size-1) - first + 1, nil
}
