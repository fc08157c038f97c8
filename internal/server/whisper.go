package server

import (
	"context"
	"log/slog"
)

// whisper is a library's log, in which what is not even a warning is of interest
// to who debugs only.
type whisper struct{ slog.Handler }

// Enabled implements [slog.Handler].
func (w whisper) Enabled(ctx context.Context, level slog.Level) bool {
	return w.Handler.Enabled(ctx, lowered(level))
}

// Handle implements [slog.Handler].
func (w whisper) Handle(ctx context.Context, r slog.Record) error {
	r.Level = lowered(r.Level)
	return w.Handler.Handle(ctx, r)
}

// WithAttrs implements [slog.Handler].
func (w whisper) WithAttrs(attrs []slog.Attr) slog.Handler {
	return whisper{w.Handler.WithAttrs(attrs)}
}

// WithGroup implements [slog.Handler].
func (w whisper) WithGroup(name string) slog.Handler { return whisper{w.Handler.WithGroup(name)} }

func lowered(level slog.Level) slog.Level {
	if level < slog.LevelWarn {
		return slog.LevelDebug
	}
	return level
}
