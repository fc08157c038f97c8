package certs

import (
	"context"
	"log/slog"

	"go.uber.org/zap/zapcore"
)

// logCore sends what certmagic logs (with zap) to the server's log. Of the
// fields only the error and the names go along: others may hold account data.
type logCore struct{ log *slog.Logger }

// Enabled implements [zapcore.LevelEnabler]; a zap level is a quarter of the
// slog level of the same name.
func (c logCore) Enabled(l zapcore.Level) bool {
	return c.log.Enabled(context.Background(), slog.Level(int(l)*4))
}

// With implements [zapcore.Core].
func (c logCore) With(fields []zapcore.Field) zapcore.Core {
	return logCore{slog.New(c.log.Handler().WithAttrs(attributes(fields)))}
}

// Check implements [zapcore.Core].
func (c logCore) Check(e zapcore.Entry, ce *zapcore.CheckedEntry) *zapcore.CheckedEntry {
	if c.Enabled(e.Level) {
		return ce.AddCore(e, c)
	}
	return ce
}

// Write implements [zapcore.Core].
func (c logCore) Write(e zapcore.Entry, fields []zapcore.Field) error {
	r := slog.NewRecord(e.Time, slog.Level(int(e.Level)*4), "certificates: "+e.Message, 0)
	r.AddAttrs(attributes(fields)...)
	return c.log.Handler().Handle(context.Background(), r)
}

// Sync implements [zapcore.Core].
func (c logCore) Sync() error { return nil }

func attributes(fields []zapcore.Field) []slog.Attr {
	enc := zapcore.NewMapObjectEncoder()
	for _, f := range fields {
		switch f.Key {
		case "error", "identifier", "identifiers", "domain", "issuer":
			f.AddTo(enc)
		}
	}
	attrs := make([]slog.Attr, 0, len(enc.Fields))
	for key, value := range enc.Fields {
		attrs = append(attrs, slog.Any(key, value))
	}
	return attrs
}
