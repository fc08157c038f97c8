package page

import (
	"reflect"
	"time"

	"writ/internal/printable"
)

// Visible makes all texts of what v points to safe to read: whatever controls a
// screen or turns the direction of writing is shown instead. Lines stay lines.
// What was decoded from an answer is changed in place; bytes are left alone.
func Visible[T any](v *T) *T {
	clean(reflect.ValueOf(v).Elem())
	return v
}

var timeType = reflect.TypeFor[time.Time]()

func clean(v reflect.Value) {
	switch v.Kind() {
	case reflect.String:
		if s := v.String(); v.CanSet() {
			v.SetString(printable.Text(s))
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
		if v.Type() == timeType {
			return
		}
		for i := range v.NumField() {
			if v.Field(i).CanSet() {
				clean(v.Field(i))
			}
		}
	}
}
