package main

import (
	"io"
	"os"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

// progressBar shows on standard error how far long work is, if that is a
// terminal; show is nil if it isn't. end is to be called before anything else is
// printed.
func progressBar() (show func(stage string, done, total int64), end func()) {
	if !term.IsTerminal(int(os.Stderr.Fd())) {
		return nil, func() {}
	}
	return barOn(os.Stderr)
}

// barOn shows it on any terminal.
func barOn(terminal io.Writer) (show func(stage string, done, total int64), end func()) {
	var bar *progressbar.ProgressBar
	var stage string
	var total int64
	return func(s string, done, of int64) {
			if bar == nil || s != stage || of != total {
				if bar != nil {
					bar.Clear()
				}
				stage, total = s, of
				max := total
				if max == 0 {
					max = -1 // not known: a spinner
				}
				bar = progressbar.NewOptions64(max, progressbar.OptionSetWriter(terminal),
					progressbar.OptionSetDescription(stage), progressbar.OptionShowCount(),
					progressbar.OptionClearOnFinish(), progressbar.OptionSetPredictTime(true),
					// Else a spinner draws by itself, beside what is drawn here, and goes on
					// after it was cleared.
					progressbar.OptionSetSpinnerChangeInterval(0))
			}
			bar.Set64(done)
		}, func() {
			if bar != nil {
				bar.Clear()
			}
		}
}
