package wire

import (
	"cmp"
	"reflect"
	"strconv"
	"strings"

	jsonv2 "github.com/go-json-experiment/json"
)

// convert fills a field from a JSON value of another type if nothing is lost by it: 5 for
// "5", "5" for 5, true for "true", and the same within lists.
func (d *decoder) convert(field reflect.Value, raw []byte) bool {
	text := string(raw)
	switch KindOf(raw) {
	case KindText:
		unquoted, ok := d.text(raw)
		if !ok {
			return false
		}
		text = string(unquoted)
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
	w := &walk{data: raw, valid: true}
	n := 0
	for w.enter(); w.more(']'); n++ {
		if !d.takes(w, InList(field.Type().Elem().Size())) {
			return false
		}
		field.Grow(1)
		field.SetLen(n + 1)
		elem, item := field.Index(n), w.value()
		if jsonv2.Unmarshal(item, elem.Addr().Interface(), exactOptions) != nil && !d.convert(elem, item) {
			return false
		}
	}
	return true
}

// wholeNumber parses "5" and "5.0", but not "5.5", " 5" or "0x5". A number with a fraction or
// an exponent that a float64 could not hold exactly was rounded by some program on the way.
func wholeNumber(text string) (int64, bool) {
	if n, err := strconv.ParseInt(text, 10, strconv.IntSize); err == nil {
		return n, text[0] != '+'
	}
	n, ok := Integer(text)
	return n, ok && -1<<53 <= n && n <= 1<<53
}

// Integer returns the value of a JSON number if that is an integer and fits an int64.
func Integer(text string) (int64, bool) {
	mantissa, exponent, _ := strings.Cut(strings.ToLower(text), "e")
	power, err := strconv.ParseInt(cmp.Or(exponent, "0"), 10, 16)
	digits, negative := strings.CutPrefix(mantissa, "-")
	whole, fraction, _ := strings.Cut(digits, ".")
	if err != nil || KindOf([]byte(text)) != KindNumber || whole == "" ||
		strings.ContainsFunc(whole+fraction, func(c rune) bool { return c < '0' || c > '9' }) {
		return 0, false
	}
	digits = strings.TrimLeft(whole+fraction, "0")
	significant := strings.TrimRight(digits, "0")
	if significant == "" {
		return 0, !negative // an integer has no negative zero
	}
	zeros := len(digits) - len(significant) - len(fraction) + int(power)
	if zeros < 0 || len(significant)+zeros > len("9223372036854775807") {
		return 0, false
	}
	if negative {
		significant = "-" + significant
	}
	n, err := strconv.ParseInt(significant+strings.Repeat("0", zeros), 10, 64)
	return n, err == nil
}
