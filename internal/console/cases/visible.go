package cases

import (
	"reflect"
	"strings"
	"time"

	"writ/internal/printable"
)

// visible makes all texts of what v points to safe to read: whatever controls a
// screen or turns the direction of writing is shown instead. Lines stay lines.
// What was decoded from an answer is changed in place; bytes are left alone.
func visible[T any](v *T) *T {
	clean(reflect.ValueOf(v).Elem())
	return v
}

var moment = reflect.TypeFor[time.Time]()

func clean(v reflect.Value) {
	switch v.Kind() {
	case reflect.String:
		if s := v.String(); v.CanSet() {
			v.SetString(text(s))
		}
	case reflect.Pointer, reflect.Interface:
		if !v.IsNil() && v.Kind() == reflect.Pointer {
			clean(v.Elem())
		}
	case reflect.Slice, reflect.Array:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			return
		}
		for i := range v.Len() {
			clean(v.Index(i))
		}
	case reflect.Map:
		for _, k := range v.MapKeys() {
			one := reflect.New(v.Type().Elem()).Elem()
			one.Set(v.MapIndex(k))
			clean(one)
			v.SetMapIndex(k, one)
		}
	case reflect.Struct:
		if v.Type() == moment {
			return
		}
		for i := range v.NumField() {
			if v.Field(i).CanSet() {
				clean(v.Field(i))
			}
		}
	}
}

// text is a text of several lines as it may be shown.
func text(s string) string {
	if printable.Line(s) == s {
		return s
	}
	lines := strings.Split(strings.ReplaceAll(s, "\t", " "), "\n")
	for i, l := range lines {
		lines[i] = printable.Line(l)
	}
	return strings.Join(lines, "\n")
}
