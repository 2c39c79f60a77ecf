package wire_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/growthgenius/growthgenius-go/internal/errs"
	"github.com/growthgenius/growthgenius-go/internal/wire"
)

func TestKindOf(t *testing.T) {
	t.Parallel()
	for data, want := range map[string]wire.Kind{
		"{": wire.KindObject, " \t\r\n[": wire.KindArray, `"`: wire.KindText, "-": wire.KindNumber, "0": wire.KindNumber, "9x": wire.KindNumber,
		"true": wire.KindBool, "f": wire.KindBool, "null": wire.KindNull, "nothing": wire.KindNull,
		"": wire.KindInvalid, " ": wire.KindInvalid, "<html>": wire.KindInvalid, "+1": wire.KindInvalid, "\xef\xbb\xbf{}": wire.KindInvalid,
	} {
		if got := wire.KindOf([]byte(data)); got != want {
			t.Errorf("%q is %q, want %q", data, got, want)
		}
	}
}

func TestScalarText(t *testing.T) {
	t.Parallel()
	for data, want := range map[string]string{
		`"a\u00e9\n"`: "aé\n", "1.50": "1.50", "-0": "-0", "true": "true", "false": "false",
		"null": "", "{}": "", `["a"]`: "", "": "", `""`: "", `"cut`: "",
	} {
		if got := wire.ScalarText(raw(data)); got != want {
			t.Errorf("%s: %q, want %q", data, got, want)
		}
	}
}

// TestUnmarshal: repeated names and invalid UTF-8 come from the API and are tolerated.
func TestUnmarshal(t *testing.T) {
	t.Parallel()
	var m map[string]string
	if err := wire.Unmarshal([]byte("{\"a\":\"1\",\"a\":\"2\",\"b\":\"\xff\"}"), &m); err != nil || m["a"] != "2" || m["b"] != "\ufffd" {
		t.Errorf("%q, %v", m, err)
	}
	if got, err := wire.Marshal(map[string]any{"b": raw("{\"x\":1,\"x\":2}"), "a": "<&>"}); err != nil || string(got) != "{\"a\":\"<&>\",\"b\":{\"x\":1,\"x\":2}}" {
		t.Errorf("%s, %v", got, err)
	}
}

// TestTextIsNotReplaced: text that is not valid UTF-8 is not encoded, and the error says where
// it is; what was read is written as it was.
func TestTextIsNotReplaced(t *testing.T) {
	t.Parallel()
	type foreign struct {
		Names []string          `json:"names"`
		Raw   json.RawMessage   `json:"raw"`
		Map   map[string]string `json:"map"`
	}
	for name, v := range map[string]any{
		"text": []string{"a", "Jos\xe9"}, "name": map[string]int{"Jos\xe9": 1},
		"raw": raw("\"Jos\xe9\""), "half a pair": raw(`"\ud83d"`), "id": wire.ID("\xe9"),
	} {
		for how, encode := range map[string]func(any) ([]byte, error){"Marshal": wire.Marshal, "MarshalForeign": wire.MarshalForeign} {
			got, err := encode(v)
			if !errors.Is(err, errs.ErrInvalidInput) || !strings.Contains(err.Error(), "is not valid UTF-8: convert it first") {
				t.Errorf("%s, %s: %q, %v", name, how, got, err)
			}
		}
	}
	for place, v := range map[string]any{
		"a/1": map[string]any{"a": []string{"", "\xe9"}}, "a": map[string]any{"a": raw("\"\xe9\"")},
	} {
		if _, err := wire.Marshal(v); err == nil || !strings.Contains(err.Error(), strconv.Quote(place)) {
			t.Errorf("%s: %v", place, err)
		}
	}
	genuine := foreign{Names: []string{"\ufffd"}, Raw: raw(`"\ufffd"`), Map: map[string]string{"é": "🙂"}}
	if got, err := wire.MarshalForeign(genuine); err != nil || string(got) != `{"names":["`+"\ufffd"+`"],"raw":"\ufffd","map":{"é":"🙂"}}` {
		t.Errorf("%s, %v", got, err)
	}
	row := map[string]json.RawMessage{"a": raw("\"\xe9\""), "b": raw(`"\ud83d"`), "c": raw(`"é"`)}
	if got, err := wire.MarshalVerbatim(row); err != nil || string(got) != "{\"a\":\"\xe9\",\"b\":\"\\ud83d\",\"c\":\"é\"}" {
		t.Errorf("%q, %v", got, err)
	}
	var out any
	for _, data := range []string{"[\"\xe9\"]", `{"\uDC00":1}`, "{\"\xe9\":1}"} {
		if err := wire.UnmarshalForeign([]byte(data), &out); err == nil {
			t.Errorf("%q is decoded as %q", data, out)
		}
	}
	if err := wire.UnmarshalForeign([]byte(`["\ud83d\ude00","\ufffd"]`), &out); err != nil {
		t.Error(err)
	}
}

// TestRecordText: a record with text in a field that is not valid UTF-8 is not encoded; one
// that keeps such text raw is written as it was read.
func TestRecordText(t *testing.T) {
	t.Parallel()
	for _, c := range []Contact{{Name: "Jos\xe9"}, {Name: "Jos\xe9", Extra: extra{"x": raw("\"\xe9\"")}}} {
		if got, err := c.MarshalJSON(); err == nil {
			t.Errorf("%q", got)
		}
	}
	const text = "{\"id\":\"x\",\"experience\":[{\"is_primary\":true,\"title\":{\"name\":\"\xe9\"}}]}"
	var p Person
	if err := p.UnmarshalJSON([]byte(text)); err != nil || p.Experience[0].Title.Name != "" {
		t.Errorf("%+v, %v", p, err)
	}
	if got, err := p.MarshalJSON(); err != nil || string(got) != text {
		t.Errorf("%q, %v", got, err)
	}
	var odd []string
	wire.Oddities(&p, func(o wire.Oddity) { odd = append(odd, o.String()) })
	if want := "Title.name has an unexpected type (text that is not valid UTF-8)"; len(odd) != 1 || odd[0] != want {
		t.Errorf("%q", odd)
	}
}

// TestForeign: types of the caller are encoded and decoded as encoding/json does.
func TestForeign(t *testing.T) {
	t.Parallel()
	type foreign struct {
		A string `json:",omitempty"`
		B []int
	}
	if got, err := wire.MarshalForeign(foreign{A: "<a&b>"}); err != nil || string(got) != `{"A":"<a&b>","B":null}` {
		t.Errorf("%s, %v", got, err)
	}
	if _, err := wire.MarshalForeign(func() {}); err == nil {
		t.Error("a function is encoded")
	}
	var v foreign
	if err := wire.UnmarshalForeign([]byte(`{"a":"x","b":[1]}`), &v); err != nil || v.A != "x" || len(v.B) != 1 {
		t.Errorf("%+v, %v", v, err)
	}
}

// TestInputError: what an encoder puts around the error of an input is removed; other errors
// are none of an input.
func TestInputError(t *testing.T) {
	t.Parallel()
	ours := fmt.Errorf("%w: the text is not UTF-8", errs.ErrInvalidInput)
	_, err := wire.Marshal(map[string]any{"a": failing{ours}})
	if got := wire.InputError(err); !errors.Is(got, ours) || got.Error() != `invalid input: the text is not UTF-8 (field "a")` {
		t.Errorf("%v from %v", got, err)
	}
	wrapped := fmt.Errorf("the body: %w", ours)
	if got := wire.InputError(wrapped); got != wrapped {
		t.Errorf("%v from %v", got, wrapped)
	}
	_, err = wire.Marshal(failing{errors.New("other")})
	for _, err := range []error{nil, errors.New("other"), err} {
		if got := wire.InputError(err); got != nil {
			t.Errorf("%v from %v", got, err)
		}
	}
}

type failing struct{ err error }

func (f failing) MarshalJSON() ([]byte, error) { return nil, f.err }
