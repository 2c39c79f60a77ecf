package wire

import (
	"math"
	"reflect"
	"strconv"
	"strings"
)

// convert fills a field from a JSON value of another type if nothing is lost by it: 5 for
// "5", "5" for 5, true for "true", and the same within lists.
func (d *decoder) convert(field reflect.Value, raw []byte) bool {
	text := string(raw)
	switch KindOf(raw) {
	case KindText:
		if Unmarshal(raw, &text) != nil {
			return false
		}
	case KindArray:
		return d.convertList(field, raw)
	case KindNumber, KindBool:
	default:
		return false
	}
	switch field.Kind() {
	case reflect.Pointer:
		field.Set(reflect.New(field.Type().Elem()))
		return d.convert(field.Elem(), raw)
	case reflect.String:
		field.SetString(text)
		return true
	case reflect.Int:
		n, ok := wholeNumber(text)
		field.SetInt(n)
		return ok
	case reflect.Bool:
		field.SetBool(text == "true")
		return text == "true" || text == "false"
	default:
		return false
	}
}

func (d *decoder) convertList(field reflect.Value, raw []byte) bool {
	if field.Kind() != reflect.Slice {
		return false
	}
	field.SetZero()
	w := &walk{data: raw}
	n := 0
	for w.enter(); w.more(); n++ {
		if !d.takes(w, field.Type().Elem().Size()) {
			return false
		}
		field.Grow(1)
		field.SetLen(n + 1)
		elem, item := field.Index(n), w.value()
		if Unmarshal(item, elem.Addr().Interface()) != nil && !d.convert(elem, item) {
			return false
		}
	}
	return true
}

// wholeNumber parses "5" and "5.0", but not "5.5", " 5" or "0x5".
func wholeNumber(text string) (int64, bool) {
	if n, err := strconv.ParseInt(text, 10, strconv.IntSize); err == nil {
		return n, text[0] != '+'
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil || KindOf([]byte(text)) != KindNumber ||
		strings.ContainsAny(text, "xX_") || f != math.Trunc(f) || math.Abs(f) > 1<<53 {
		return 0, false
	}
	return int64(f), true
}
