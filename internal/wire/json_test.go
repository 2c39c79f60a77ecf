package wire_test

import (
	"errors"
	"fmt"
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
	if got, err := wire.Marshal(map[string]any{"b": raw("{\"x\":1,\"x\":2}"), "a": "<&>\xff"}); err != nil || string(got) != "{\"a\":\"<&>\ufffd\",\"b\":{\"x\":1,\"x\":2}}" {
		t.Errorf("%s, %v", got, err)
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
	if got := wire.InputError(err); got != ours {
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
