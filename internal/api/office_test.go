package api

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// TestOfficeDescription: the office builds, although types of several rooms
// have one name, and describes every operation once.
func TestOfficeDescription(t *testing.T) {
	w := httptest.NewRecorder()
	OfficeHandler(Office{Version: "test"}).ServeHTTP(w, httptest.NewRequest(http.MethodGet, OfficePath+"openapi.json", nil))
	var d struct {
		OpenAPI    string `json:"openapi"`
		Paths      map[string]json.RawMessage
		Components struct{ Schemas map[string]json.RawMessage }
	}
	if err := json.Unmarshal(w.Body.Bytes(), &d); err != nil {
		t.Fatalf("%d %v", w.Code, err)
	}
	if !strings.HasPrefix(d.OpenAPI, "3.1") || len(d.Paths) < 40 {
		t.Errorf("OpenAPI %s with %d paths", d.OpenAPI, len(d.Paths))
	}
	for _, name := range []string{"DocketIssuer", "PolicyIssuer", "Case"} {
		if _, ok := d.Components.Schemas[name]; !ok {
			t.Errorf("no schema is called %s", name)
		}
	}
}
