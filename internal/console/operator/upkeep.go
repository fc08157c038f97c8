package operator

import (
	"net/http"

	"writ/internal/api"
	"writ/internal/console/page"
)

type upkeepPage struct {
	api.Upkeep
	Bytes, Objects *page.Chart
}

// upkeep is what is stored, day by day, and the work on it.
func (h *room) upkeep(v *page.Visit) error {
	d, err := h.upkeepNow(v)
	if err != nil {
		return err
	}
	if v.Part() == "work" {
		return v.Fragment("upkeep", "work", d)
	}
	return v.Render("upkeep", d)
}

func (h *room) upkeepNow(v *page.Visit) (*upkeepPage, error) {
	var d upkeepPage
	if err := h.get(v, "upkeep", &d.Upkeep); err != nil {
		return nil, err
	}
	page.Visible(&d.Upkeep)
	if len(d.Growth) > 1 {
		d.Bytes, d.Objects = growth(v.Words(), d.Growth)
	}
	return &d, nil
}

// units of a chart's sizes, the largest first.
var units = []struct {
	name  string
	bytes int64
}{{"TiB", 1 << 40}, {"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}}

// unitFor is the largest unit in which the largest figure has three digits.
func unitFor(most int64) (name string, bytes int64) {
	for _, u := range units {
		if most >= 100*u.bytes {
			return u.name, u.bytes
		}
	}
	return "B", 1
}

// growth draws what customers kept, by day.
func growth(w *page.Words, days []api.StoreDay) (bytes, objects *page.Chart) {
	most := int64(0)
	for _, d := range days {
		most = max(most, d.Bytes)
	}
	unit, size := unitFor(most)
	var b, o []page.ChartRow
	for _, d := range days {
		label := w.Date(d.Day)
		b = append(b, page.ChartRow{Label: label, Values: []int64{d.Bytes / size}})
		o = append(o, page.ChartRow{Label: label, Values: []int64{d.Objects}})
	}
	day := w.Say("operator.upkeep.day")
	return page.NewChart(w, w.Say("operator.upkeep.bytes", "unit", unit), day, []string{unit}, []string{""}, b),
		page.NewChart(w, w.Say("operator.upkeep.objects"), day, []string{w.Say("operator.col.objects")}, []string{"calm"}, o)
}

// begin begins a check or a reclaim.
func (h *room) begin(v *page.Visit) error {
	err := h.Desk.Do(v.Context(), http.MethodPost, "upkeep/"+api.Below(v.Path("job")), nil, nil)
	if err == nil {
		return v.See("/operator/upkeep", "operator-begun")
	}
	d, failed := h.upkeepNow(v)
	if failed != nil {
		return failed
	}
	return v.Again("upkeep", d, err)
}
