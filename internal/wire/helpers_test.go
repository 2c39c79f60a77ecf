package wire_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	jsonv2 "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/growthgenius/growthgenius-go/internal/wire"
)

type extra = map[string]json.RawMessage

func raw(s string) json.RawMessage { return json.RawMessage(s) }

func ptr[T any](v T) *T { return &v }

// sample returns a file of the testdata of the module.
func sample(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("..", "..", "testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// inside returns the value of one key of a sample.
func inside(t testing.TB, name, key string) []byte {
	t.Helper()
	var doc map[string]json.RawMessage
	if err := json.Unmarshal(sample(t, name), &doc); err != nil {
		t.Fatal(err)
	}
	return doc[key]
}

// mustJSON encodes v or fails the test.
func mustJSON(t testing.TB, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// mustDecode decodes data or fails the test.
func mustDecode[T any](t testing.TB, data string) T {
	t.Helper()
	var v T
	if err := json.Unmarshal([]byte(data), &v); err != nil {
		t.Fatalf("%T from %.200s: %v", v, data, err)
	}
	return v
}

// decodeLike decodes data into a new value of the type of like.
func decodeLike(t testing.TB, like any, data string) any {
	t.Helper()
	v := reflect.New(reflect.TypeOf(like))
	if err := json.Unmarshal([]byte(data), v.Interface()); err != nil {
		t.Fatalf("%T from %.300s: %v", like, data, err)
	}
	return v.Elem().Interface()
}

// tester is a *testing.T, *testing.F or *rapid.T.
type tester interface {
	Helper()
	Errorf(format string, args ...any)
	Fatal(args ...any)
	Fatalf(format string, args ...any)
	Skip(args ...any)
}

// generic decodes a JSON value without types, with numbers as written.
func generic(data []byte) (any, error) {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	var v any
	err := dec.Decode(&v)
	return v, err
}

func sameJSON(t testing.TB, a, b string) bool {
	t.Helper()
	x, err := generic([]byte(a))
	if err != nil {
		t.Fatalf("%s: %v", a, err)
	}
	y, err := generic([]byte(b))
	if err != nil {
		t.Fatalf("%s: %v", b, err)
	}
	return reflect.DeepEqual(x, y)
}

// unescaped undoes what encoding/json always escapes in the output of a MarshalJSON. Each
// escape stands for one character only, so nothing else changes.
var unescaped = strings.NewReplacer(
	`\u003c`, "<", `\u003e`, ">", `\u0026`, "&", `\u2028`, "\u2028", `\u2029`, "\u2029")

// sameBytes checks that both JSON libraries write v as its own method does, and returns that.
func sameBytes(t tester, v json.Marshaler) string {
	t.Helper()
	own, err := v.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	v1, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	// Repeated names in a raw value come from the API, and v2 has to be told to allow them.
	v2, err := jsonv2.Marshal(v, jsontext.AllowDuplicateNames(true))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(own, v2) || unescaped.Replace(string(v1)) != unescaped.Replace(string(v2)) {
		t.Errorf("%T:\nits own      %s\nencoding/json %s\nv2 module     %s", v, own, v1, v2)
	}
	return string(own)
}

// fieldsOf maps the JSON names of a record type to its fields, by nothing but their tags.
func fieldsOf(typ reflect.Type) map[string]reflect.StructField {
	fields := map[string]reflect.StructField{}
	for f := range typ.Fields() {
		if name, _, _ := strings.Cut(f.Tag.Get("json"), ","); name != "" {
			fields[name] = f
		}
	}
	return fields
}

// isRecord reports whether typ is a struct with a field Extra.
func isRecord(typ reflect.Type) bool {
	if typ.Kind() != reflect.Struct {
		return false
	}
	f, ok := typ.FieldByName("Extra")
	return ok && f.Type == reflect.TypeFor[extra]()
}

// noStray is a wire.Stray that ignores everything.
func noStray(string, wire.Kind) {}
