package main

import (
	"io"
	"os"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"

	"writ/internal/api"
)

// progress shows on standard error how far long work is, if that is a
// terminal. end is to be called before anything else is printed.
func progress() (show func(api.Progress), end func()) {
	if !term.IsTerminal(int(os.Stderr.Fd())) {
		return nil, func() {}
	}
	return progressOn(os.Stderr)
}

func progressOn(terminal io.Writer) (show func(api.Progress), end func()) {
	var bar *progressbar.ProgressBar
	var stage string
	var total int64
	return func(p api.Progress) {
			if bar == nil || p.Stage != stage || p.Total != total {
				if bar != nil {
					bar.Clear()
				}
				stage, total = p.Stage, p.Total
				max := total
				if max == 0 {
					max = -1 // not known: a spinner
				}
				bar = progressbar.NewOptions64(max, progressbar.OptionSetWriter(terminal),
					progressbar.OptionSetDescription(stage), progressbar.OptionShowCount(),
					progressbar.OptionClearOnFinish(), progressbar.OptionSetPredictTime(true))
			}
			bar.Set64(p.Done)
		}, func() {
			if bar != nil {
				bar.Clear()
			}
		}
}
