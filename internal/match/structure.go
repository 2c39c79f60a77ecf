package match

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/growthgenius/growthgenius-go/internal/wire"
)

// structured decodes an object or an array, with its numbers in one form each. It returns
// nil for any other value.
func structured(raw json.RawMessage) any {
	var v any
	if k := wire.KindOf(raw); k == wire.KindObject || k == wire.KindArray {
		dec := json.NewDecoder(bytes.NewReader(raw))
		dec.UseNumber() // a float64 would make different numbers equal
		_ = dec.Decode(&v)
	}
	return withPlainNumbers(v)
}

// withPlainNumbers brings the numbers in a decoded value into one form.
func withPlainNumbers(v any) any {
	switch v := v.(type) {
	case json.Number:
		return plainNumber(v)
	case []any:
		for i := range v {
			v[i] = withPlainNumbers(v[i])
		}
	case map[string]any:
		for key := range v {
			v[key] = withPlainNumbers(v[key])
		}
	}
	return v
}

// plainNumber returns the one form of a number: its digits and the power of ten behind
// them. 1200, 1.2e3 and 1200.0 are 12e2.
func plainNumber(n json.Number) json.Number {
	mantissa, exponent, _ := strings.Cut(strings.ToLower(n.String()), "e")
	power, err := strconv.ParseInt(exponent, 10, 32)
	if err != nil && exponent != "" {
		return n // a number of that size is not one of a CRM
	}
	digits, negative := strings.CutPrefix(mantissa, "-")
	whole, fraction, _ := strings.Cut(digits, ".")
	digits = strings.TrimLeft(whole+fraction, "0")
	short := strings.TrimRight(digits, "0")
	if short == "" {
		return "0"
	}
	if negative {
		short = "-" + short
	}
	power += int64(len(digits) - len(strings.TrimLeft(short, "-")) - len(fraction))
	return json.Number(fmt.Sprintf("%se%d", short, power))
}
