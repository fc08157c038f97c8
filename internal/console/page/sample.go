package page

import (
	"net/http"
	"time"

	"writ/internal/api"
)

// Sample shows every component once.
func (v *Visit) Sample() error {
	type row struct {
		Label string
		N     int
	}
	word, now := v.Words().Say("style.word"), v.Now()
	var rows []ChartRow
	for i := range 30 {
		rows = append(rows, ChartRow{v.Words().Date(now.AddDate(0, 0, i-30)), []int64{int64(i * i % 17), int64(i % 3)}})
	}
	v.room = v.site.rooms["page"]
	return v.Render("style", struct {
		Soon, Past time.Time
		Digest     string
		Problem    *api.Problem
		Rows       []row
		Chart      *Chart
	}{
		now.Add(50 * time.Hour), now.Add(-3 * time.Hour), "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
		&api.Problem{Status: http.StatusConflict, Code: "form", Detail: "the case is closed", Hint: "open another"},
		[]row{{word + " 1", 1024}, {word + " 2", 7}, {word + " 3", 1234567}},
		NewChart(v.Words(), word, word, []string{word, word}, []string{"calm", "warn"}, rows),
	})
}
