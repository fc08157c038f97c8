//go:build unix

package main

import (
	"io"

	"writ/internal/api"
)

// progress shows the progress that a server reports; see [progressBar].
func progress() (show func(api.Progress), end func()) {
	return reported(progressBar())
}

// progressOn is progress on any terminal.
func progressOn(terminal io.Writer) (show func(api.Progress), end func()) {
	return reported(barOn(terminal))
}

func reported(bar func(stage string, done, total int64), end func()) (func(api.Progress), func()) {
	if bar == nil {
		return nil, end
	}
	return func(p api.Progress) { bar(p.Stage, p.Done, p.Total) }, end
}
