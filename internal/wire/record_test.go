package wire_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/big"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	jsonv2 "github.com/go-json-experiment/json"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/growthgenius/growthgenius-go/internal/errs"
	"github.com/growthgenius/growthgenius-go/internal/wire"
)

// recordTypes are the record types of these tests.
var recordTypes = []reflect.Type{
	reflect.TypeFor[Contact](), reflect.TypeFor[ContactAccount](), reflect.TypeFor[Message](), reflect.TypeFor[User](),
	reflect.TypeFor[Company](), reflect.TypeFor[Location](), reflect.TypeFor[Person](), reflect.TypeFor[Email](),
	reflect.TypeFor[Experience](), reflect.TypeFor[Employer](), reflect.TypeFor[Title](), reflect.TypeFor[Version](),
	reflect.TypeFor[Page](), reflect.TypeFor[Pagination](),
}

// normal brings a JSON document into the form in which a record writes it: empty values are
// gone, ids and times are in their own notation. It knows the types of the fields, and nothing
// else of how they are decoded.
func normal(v any, typ reflect.Type) any {
	for typ.Kind() == reflect.Pointer {
		typ = typ.Elem()
	}
	switch v := v.(type) {
	case map[string]any:
		if !isRecord(typ) {
			return v
		}
		out := map[string]any{}
		fields := fieldsOf(typ)
		for name, value := range v {
			f, known := fields[name]
			if !known {
				out[name] = value
				continue
			}
			if value = normal(value, f.Type); !blank(value, f.Type) {
				out[name] = value
			}
		}
		for name, field := range fields {
			if _, ok := out[name]; !ok && field.Tag.Get("wire") == "always" {
				out[name] = false // flags are always written
			}
		}
		return out
	case []any:
		if typ.Kind() != reflect.Slice || !fits(v, typ) {
			return v
		}
		out := make([]any, len(v))
		for i := range v {
			out[i] = normal(v[i], typ.Elem())
			if out[i] == nil && typ.Elem().Kind() == reflect.String {
				out[i] = ""
			} else if out[i] == nil && isRecord(typ.Elem()) {
				out[i] = normal(map[string]any{}, typ.Elem())
			}
		}
		return out
	case string:
		return normalText(v, typ)
	case json.Number:
		if r, ok := new(big.Rat).SetString(v.String()); ok && typ == reflect.TypeFor[ID]() && r.IsInt() && r.Num().IsInt64() &&
			(r.Sign() != 0 || v[0] != '-') && strings.ContainsAny(v.String(), ".eE") {
			v = json.Number(r.Num().String())
		}
		if typ == reflect.TypeFor[ID]() {
			if _, ok := wire.ID(v).Number(); !ok {
				return string(v)
			}
		}
		return v
	default:
		return v
	}
}

func normalText(v string, typ reflect.Type) any {
	if typ == reflect.TypeFor[ID]() {
		if _, ok := wire.ID(v).Number(); ok {
			return json.Number(v)
		}
	}
	if typ == reflect.TypeFor[time.Time]() {
		at, err := time.Parse(time.RFC3339, v) // which accepts "T0:00:00" and "00,5" as well
		if err == nil && !strings.Contains(v, ",") && strings.HasPrefix(v, at.Format("2006-01-02T15:04:05")) &&
			json.Unmarshal([]byte(`"`+v+`"`), &at) == nil {
			return at.Format(time.RFC3339Nano)
		}
	}
	return v
}

// fits reports whether the list decodes into its field, and is not kept raw.
func fits(list []any, typ reflect.Type) bool {
	for _, item := range list {
		_, isText := item.(string)
		_, isObject := item.(map[string]any)
		switch {
		case item == nil:
		case typ.Elem().Kind() == reflect.String && isText:
		case isRecord(typ.Elem()) && isObject:
		default:
			return false
		}
	}
	return true
}

// blank reports whether a field with this value is left out when written.
func blank(v any, typ reflect.Type) bool {
	switch v := v.(type) {
	case nil:
		return true
	case string:
		return v == "" && typ.Kind() == reflect.String || typ == reflect.TypeFor[time.Time]() && v == "0001-01-01T00:00:00Z"
	case bool:
		return !v && typ.Kind() == reflect.Bool
	case json.Number:
		return typ.Kind() == reflect.Int && v == "0"
	case map[string]any:
		return len(v) == 0 && isRecord(typ)
	default:
		return false
	}
}

// genJSON draws any JSON value. Objects have the given names, among others.
func genJSON(names []string, depth int) *rapid.Generator[any] {
	leaf := rapid.OneOf(
		rapid.Just[any](nil), rapid.Bool().AsAny(), rapid.String().AsAny(),
		rapid.Map(rapid.Int64(), func(n int64) any { return json.Number(fmt.Sprint(n)) }),
		rapid.SampledFrom([]any{
			"", "0", "007", "5", "5.0", "true", "2021-01-19T17:06:25.730-05:00", "0001-01-01T00:00:00Z", "\u2028<&>\x00", "NaN",
			json.Number("0"), json.Number("1.50"), json.Number("5.0"), json.Number("1e400"), json.Number("-0"), json.Number("123456789012345678901234567890"),
		}),
	)
	if depth == 0 {
		return leaf
	}
	inner := genJSON(names, depth-1)
	return rapid.OneOf(leaf, rapid.SliceOfN(inner, 0, 4).AsAny(), genObject(names, depth-1).AsAny())
}

func genObject(names []string, depth int) *rapid.Generator[map[string]any] {
	return rapid.MapOfN(rapid.OneOf(rapid.SampledFrom(names), rapid.String()), genJSON(names, depth), 0, 8)
}

// TestNothingIsLost: whatever JSON object the API sends, a record writes all of it, and the
// same again when it has been read once more, with both libraries.
func TestNothingIsLost(t *testing.T) {
	t.Parallel()
	for _, typ := range recordTypes {
		t.Run(typ.Name(), func(t *testing.T) {
			t.Parallel()
			var names []string
			for _, other := range recordTypes { // for nested objects
				names = append(names, slices.Sorted(maps.Keys(fieldsOf(other)))...)
			}
			for _, name := range slices.Sorted(maps.Keys(fieldsOf(typ))) {
				names = append(names, slices.Repeat([]string{name}, 20)...)
			}
			objects := genObject(names, 3)
			rapid.Check(t, func(rt *rapid.T) {
				checkNothingLost(rt, typ, objects.Draw(rt, "object"))
			})
		})
	}
}

// movedNames are the names that a record type moves on purpose, as TestOddFields shows.
var movedNames = map[reflect.Type][]string{
	reflect.TypeFor[Contact](): {"fist_name", "contact"},
	reflect.TypeFor[Message](): {"message"},
	reflect.TypeFor[User]():    {"user"},
	reflect.TypeFor[Company](): {"company", "contact"},
	reflect.TypeFor[Person]():  {"person"},
}

func checkNothingLost(t tester, typ reflect.Type, object map[string]any) {
	t.Helper()
	for _, name := range movedNames[typ] {
		delete(object, name)
	}
	if typ == reflect.TypeFor[Page]() {
		contacts, _ := object["contacts"].([]any)
		for _, c := range contacts {
			if c, ok := c.(map[string]any); ok {
				delete(c, "fist_name")
				delete(c, "contact")
			}
		}
	}
	data, err := json.Marshal(object)
	if err != nil {
		t.Skip(err)
	}
	want, err := generic(data)
	if err != nil {
		t.Fatal(err)
	}
	v := reflect.New(typ)
	if err := json.Unmarshal(data, v.Interface()); err != nil {
		t.Fatalf("%s: %v", data, err)
	}
	first := sameBytes(t, v.Elem().Interface().(json.Marshaler))
	got, err := generic([]byte(first))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(normal(want, typ), got); diff != "" {
		t.Fatalf("%s\nbecomes\n%s\n%s", data, first, diff)
	}
	again := reflect.New(typ)
	if err := json.Unmarshal([]byte(first), again.Interface()); err != nil {
		t.Fatal(err)
	}
	if second := sameBytes(t, again.Elem().Interface().(json.Marshaler)); second != first {
		t.Fatalf("%s\nbecomes\n%s\nand then\n%s", data, first, second)
	}
}

// TestBothLibrariesWriteTheSame: encoding/json, the v2 module and a record's own method, for
// every record and input.
func TestBothLibrariesWriteTheSame(t *testing.T) {
	t.Parallel()
	odd := `"zz":{"b":1,"a":[ 1.50 , "<&>` + "\u2028" + `é" ]},"aa":"\u00e9\/","`
	for _, v := range []json.Marshaler{
		mustDecode[Contact](t, string(inside(t, "contact.json", "contact"))),
		mustDecode[Contact](t, `{`+odd+`title":5,"name":"<a&b>","contact_account":{`+odd+`status":[]}}`),
		mustDecode[User](t, `{`+odd+`roles":["<",5]}`),
		mustDecode[Message](t, `{`+odd+`rendered_copy":"<p>a & b</p>"}`),
		mustDecode[Company](t, `{`+odd+`location":{`+odd+`name":1}}`),
		mustDecode[Person](t, string(sample(t, "person.json"))),
		mustDecode[Person](t, `{`+odd+`experience":[{`+odd+`company":{`+odd+`location":{`+odd+`geo":1}}}]}`),
		mustDecode[Page](t, string(sample(t, "contacts_search.json"))),
		mustDecode[Page](t, `{`+odd+`contacts":[{"contact":{`+odd+`id":1}}],"pagination":{`+odd+`page":1}}`),
		Input{Name: ptr("<a>"), Lists: raw(`[ 1, "<" ]`), Extra: map[string]any{"zz": "<", "aa": []any{1, nil, 1.5}}},
		ID("<a>"), ID("5"), ID(""),
	} {
		text := sameBytes(t, v)
		if sameBytes(t, decodeLike(t, v, text).(json.Marshaler)) != text {
			t.Errorf("%T: %s is not stable", v, text)
		}
	}
}

// TestV2ModuleDecodesTheSame: a program may decode records with either library.
func TestV2ModuleDecodesTheSame(t *testing.T) {
	t.Parallel()
	data := []byte(`{"id":1,"title":5,"x":1,"contact_account":{"y":[]}}`)
	var a, b Contact
	if err := json.Unmarshal(data, &a); err != nil {
		t.Fatal(err)
	}
	if err := jsonv2.Unmarshal(data, &b); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(a, b); diff != "" {
		t.Error(diff)
	}
}

// TestExtraReplacesAField: what a caller puts into Extra is what is written.
func TestExtraReplacesAField(t *testing.T) {
	t.Parallel()
	c := Contact{
		ID: "1", Name: "typed", UpdatedAt: time.Unix(0, 0).UTC(),
		Extra: extra{"name": raw(`{"first":"raw"}`), "updated_at": nil, "more": raw("1")},
	}
	want := `{"id":1,"more":1,"name":{"first":"raw"},"updated_at":null}`
	if got := sameBytes(t, c); got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if c.Name != "typed" || c.UpdatedAt.IsZero() {
		t.Error("encoding changed the record")
	}
	p := Page{Contacts: []Contact{{ID: "1"}}, Extra: extra{"contacts": raw(`"none"`)}}
	if got := sameBytes(t, p); got != `{"contacts":"none"}` {
		t.Errorf("%s", got)
	}
}

// Input is what a caller sends.
type Input struct {
	Name  *string         `json:"name,omitzero"`
	Lists json.RawMessage `json:"lists,omitzero"`
	Extra map[string]any  `json:",embed,unknown"`
}

func (in *Input) UnmarshalJSON(data []byte) error {
	type plain Input
	return wire.UnmarshalInput(data, (*plain)(in))
}

func (in Input) MarshalJSON() ([]byte, error) {
	type plain Input
	return wire.MarshalInput((*plain)(&in))
}

// TestInputs: Extra is sent beside the fields, and its numbers are read as they were written.
func TestInputs(t *testing.T) {
	t.Parallel()
	in := Input{Name: ptr("x"), Extra: map[string]any{"score": 1.5, "tag": "<a&b>", "list": []any{nil, true}}}
	want := `{"name":"x","list":[null,true],"score":1.5,"tag":"<a&b>"}`
	if got := sameBytes(t, in); got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if in.Extra["score"] != 1.5 {
		t.Errorf("encoding changed the input: %v", in.Extra)
	}
	got := Input{Extra: map[string]any{"former": 1}}
	if err := got.UnmarshalJSON([]byte(`{"name":"x","n":12345678901234567890,"deep":{"n":[1.50]},"s":"a"}`)); err != nil {
		t.Fatal(err)
	}
	wantExtra := map[string]any{
		"former": 1, "n": json.Number("12345678901234567890"),
		"deep": map[string]any{"n": []any{json.Number("1.50")}}, "s": "a",
	}
	if diff := cmp.Diff(Input{Name: ptr("x"), Extra: wantExtra}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if err := got.UnmarshalJSON([]byte(`{"name":5}`)); err == nil {
		t.Error("a number is taken for a name")
	}
}

// TestEncodeExtra: what cannot be sent is the caller's mistake.
func TestEncodeExtra(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		extra map[string]any
		want  string
	}{
		{map[string]any{"name": "x"}, `invalid input: Extra has "name", which is the field Name: set it there`},
		{map[string]any{"f": func() {}}, `invalid input: Extra["f"] cannot be encoded: json: unsupported type: func()`},
	} {
		_, err := wire.EncodeExtra(reflect.TypeFor[Input](), tt.extra)
		if !errors.Is(err, errs.ErrInvalidInput) || err.Error() != tt.want {
			t.Errorf("%v, want %s", err, tt.want)
		}
		for _, marshal := range []func(any) ([]byte, error){wire.Marshal, json.Marshal, func(v any) ([]byte, error) { return jsonv2.Marshal(v) }} {
			_, err := marshal(map[string]any{"in": []any{Input{Extra: tt.extra}}})
			if inner := wire.InputError(err); inner == nil || !strings.HasPrefix(inner.Error(), tt.want) {
				t.Errorf("%v inside %v", inner, err)
			}
		}
	}
	type options struct {
		Page   int            `json:"page,omitzero"`
		Silent bool           `json:"-"` // which has no name that Extra could have
		Extra  map[string]any `json:",embed,unknown"`
	}
	got, err := wire.EncodeExtra(reflect.TypeFor[options](), map[string]any{"a": "<", "Page": nil, "-": 1, "Silent": 2, "": 3})
	want := map[string]any{"a": raw(`"<"`), "Page": raw("null"), "-": raw("1"), "Silent": raw("2"), "": raw("3")}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v\n%s", err, diff)
	}
}
