package growthgenius_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/big"
	"reflect"
	"strings"
	"testing"
	"time"

	jsonv2 "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/growthgenius/growthgenius-go"
	"github.com/growthgenius/growthgenius-go/internal/testkit"
	"github.com/growthgenius/growthgenius-go/internal/wire"
)

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

// generic returns a JSON value as Go decodes it without types, with numbers as written.
func generic(data []byte) (any, error) {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	var v any
	err := dec.Decode(&v)
	return v, err
}

// sameJSON reports whether two JSON texts have the same value, with numbers as written.
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

// unescaped reverts what encoding/json escapes in the output of every MarshalJSON. Each
// sequence stands for one character only, so nothing else changes.
var unescaped = strings.NewReplacer(`\u003c`, "<", `\u003e`, ">", `\u0026`, "&", `\u2028`, "\u2028", `\u2029`, "\u2029")

// sameBytes fails the test unless both JSON libraries and MarshalJSON encode v alike. It
// returns the JSON.
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
	// Repeated names in a raw value come from the API. v2 accepts them only if it is told.
	v2, err := jsonv2.Marshal(v, jsontext.AllowDuplicateNames(true))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(own, v2) || unescaped.Replace(string(v1)) != unescaped.Replace(string(v2)) {
		t.Errorf("%T:\nits own      %s\nencoding/json %s\nv2 module     %s", v, own, v1, v2)
	}
	return string(own)
}

// TestBothLibrariesWriteTheSame, for every record and input.
func TestBothLibrariesWriteTheSame(t *testing.T) {
	t.Parallel()
	odd := `"zz":{"b":1,"a":[ 1.50 , "<&>` + "\u2028" + `é" ]},"aa":"\u00e9\/","`
	for _, v := range []json.Marshaler{
		testkit.Decode[growthgenius.Contact](t, string(testkit.Inside(t, "contact.json", "contact"))),
		testkit.Decode[growthgenius.Contact](t, `{`+odd+`title":5,"name":"<a&b>","contact_account":{`+odd+`status":[]}}`),
		testkit.Decode[growthgenius.User](t, `{`+odd+`roles":["<",5]}`),
		testkit.Decode[growthgenius.Message](t, `{`+odd+`rendered_copy":"<p>a & b</p>"}`),
		testkit.Decode[growthgenius.Company](t, string(testkit.Sample(t, "company_find.json"))),
		testkit.Decode[growthgenius.Company](t, `{`+odd+`location":{`+odd+`name":1}}`),
		testkit.Decode[growthgenius.Person](t, string(testkit.Sample(t, "person.json"))),
		testkit.Decode[growthgenius.Person](t, `{`+odd+`experience":[{`+odd+`company":{`+odd+`location":{`+odd+`geo":1}}}]}`),
		testkit.Decode[growthgenius.ContactPage](t, string(testkit.Sample(t, "contacts_search.json"))),
		testkit.Decode[growthgenius.ContactPage](t, `{`+odd+`contacts":[{"contact":{`+odd+`id":1}}],"pagination":{`+odd+`page":1},"breadcrumbs":[{`+odd+`value":1}]}`),
		growthgenius.ContactInput{Name: growthgenius.Set("<a>"), Lists: growthgenius.Set(raw(`[ 1, "<" ]`)), Extra: map[string]any{"zz": "<", "aa": []any{1, nil}}},
		growthgenius.MessageInput{RenderedCopy: growthgenius.Set("<a>"), Extra: map[string]any{"zz": "<", "aa": 1.5}},
		growthgenius.Set("<a>"), growthgenius.Null[int](), growthgenius.ID("<a>"), growthgenius.ID("5"), growthgenius.ID(""),
	} {
		text := sameBytes(t, v)
		if sameBytes(t, decodeLike(t, v, text).(json.Marshaler)) != text {
			t.Errorf("%T: %s is not stable", v, text)
		}
	}
}

// TestV2ModuleDecodesTheSame: a program may use either library to read.
func TestV2ModuleDecodesTheSame(t *testing.T) {
	t.Parallel()
	data := []byte(`{"id":1,"title":5,"x":1,"contact_account":{"y":[]}}`)
	var a, b growthgenius.Contact
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

// TestExtraReplacesAField: a key in Extra takes precedence over the field of that name.
func TestExtraReplacesAField(t *testing.T) {
	t.Parallel()
	c := growthgenius.Contact{ID: "1", Name: "typed", UpdatedAt: time.Unix(0, 0).UTC(), Extra: extra{"name": raw(`{"first":"raw"}`), "updated_at": nil, "more": raw("1")}}
	want := `{"id":1,"more":1,"name":{"first":"raw"},"updated_at":null}`
	if got := sameBytes(t, c); got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if c.Name != "typed" || c.UpdatedAt.IsZero() {
		t.Error("encoding changed the record")
	}
	p := growthgenius.ContactPage{Contacts: []growthgenius.Contact{{ID: "1"}}, Extra: extra{"contacts": raw(`"none"`)}}
	if got := sameBytes(t, p); got != `{"contacts":"none"}` {
		t.Errorf("%s", got)
	}
}

// normal returns a JSON document in the form in which a record encodes it: without empty
// values, and with ids and times in their own notation. It uses the types of the fields, and
// otherwise nothing of how they are decoded.
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
		for name, value := range v {
			field, known := recordFields[typ][name]
			if !known {
				out[name] = value
				continue
			}
			if value = normal(value, field.Type); !blank(value, field.Type) {
				out[name] = value
			}
		}
		for name, field := range recordFields[typ] {
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
		if typ == reflect.TypeFor[growthgenius.ID]() {
			if _, err := growthgenius.ID(v).Int64(); err == nil {
				return json.Number(v)
			}
		}
		if typ == reflect.TypeFor[time.Time]() {
			at, err := time.Parse(time.RFC3339, v) // which takes "T0:00:00" and "00,5" for times as well
			if err == nil && !strings.Contains(v, ",") && strings.HasPrefix(v, at.Format("2006-01-02T15:04:05")) && json.Unmarshal([]byte(`"`+v+`"`), &at) == nil {
				return at.Format(time.RFC3339Nano)
			}
		}
		return v
	case json.Number:
		if r, ok := new(big.Rat).SetString(v.String()); ok && typ == reflect.TypeFor[growthgenius.ID]() && r.IsInt() && r.Num().IsInt64() &&
			(r.Sign() != 0 || v[0] != '-') && strings.ContainsAny(v.String(), ".eE") {
			v = json.Number(r.Num().String())
		}
		if typ == reflect.TypeFor[growthgenius.ID]() {
			if _, err := growthgenius.ID(v).Int64(); err != nil {
				return string(v)
			}
		}
		return v
	default:
		return v
	}
}

// fits reports whether a list decodes into its field, and is not kept in Extra.
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

// blank reports whether a field with this value is omitted.
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

// genJSON draws any JSON value. Objects have some of the names.
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

// TestNothingIsLost: a record encodes all of the JSON object that it was decoded from,
// whatever that is, and the same again after it is decoded once more, with both libraries.
func TestNothingIsLost(t *testing.T) {
	t.Parallel()
	for typ := range recordTypes {
		t.Run(typ.Name(), func(t *testing.T) {
			t.Parallel()
			var names []string
			for t := range recordTypes { // of every record, for nesting
				for name := range recordFields[t] {
					names = append(names, name)
				}
			}
			for name := range recordFields[typ] {
				for range 20 {
					names = append(names, name)
				}
			}
			objects := genObject(names, 3)
			rapid.Check(t, func(rt *rapid.T) {
				checkNothingLost(rt, typ, objects.Draw(rt, "object"))
			})
		})
	}
}

func checkNothingLost(t tester, typ reflect.Type, object map[string]any) {
	t.Helper()
	switch typ { // these names are moved by design; TestOddFields tests them
	case reflect.TypeFor[growthgenius.Contact]():
		delete(object, "fist_name")
		delete(object, "contact")
	case reflect.TypeFor[growthgenius.Company]():
		delete(object, "contact")
		delete(object, "company")
	case reflect.TypeFor[growthgenius.Person]():
		delete(object, "person")
	case reflect.TypeFor[growthgenius.Message]():
		delete(object, "message")
	case reflect.TypeFor[growthgenius.User]():
		delete(object, "user")
	case reflect.TypeFor[growthgenius.ContactPage]():
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

// recordTypes are all types of the API's responses, with the number of their fields. A type
// that one of them has and that is missing here fails TestRecordTypes.
var recordTypes = map[reflect.Type]int{
	reflect.TypeFor[growthgenius.User]():              10,
	reflect.TypeFor[growthgenius.Message]():           8,
	reflect.TypeFor[growthgenius.Contact]():           58,
	reflect.TypeFor[growthgenius.ContactAccount]():    2,
	reflect.TypeFor[growthgenius.ContactPage]():       7,
	reflect.TypeFor[growthgenius.Breadcrumb]():        4,
	reflect.TypeFor[growthgenius.Pagination]():        4,
	reflect.TypeFor[growthgenius.Company]():           23 + 1, // and the contact it may stand in
	reflect.TypeFor[growthgenius.CompanyLocation]():   9,
	reflect.TypeFor[growthgenius.Person]():            82,
	reflect.TypeFor[growthgenius.PersonEmail]():       2,
	reflect.TypeFor[growthgenius.PersonLocation]():    10,
	reflect.TypeFor[growthgenius.Experience]():        7,
	reflect.TypeFor[growthgenius.ExperienceCompany](): 15,
	reflect.TypeFor[growthgenius.JobTitle]():          5,
	reflect.TypeFor[growthgenius.Education]():         9,
	reflect.TypeFor[growthgenius.School]():            11,
	reflect.TypeFor[growthgenius.Profile]():           4,
	reflect.TypeFor[growthgenius.VersionStatus]():     4,
}

// recordFields are the fields of each record by their JSON names, without Extra.
var recordFields = func() map[reflect.Type]map[string]reflect.StructField {
	all := map[reflect.Type]map[string]reflect.StructField{}
	for typ := range recordTypes {
		all[typ] = map[string]reflect.StructField{}
		for f := range typ.Fields() {
			if name, _, _ := strings.Cut(f.Tag.Get("json"), ","); name != "" {
				all[typ][name] = f
			}
		}
	}
	return all
}()

func isRecord(typ reflect.Type) bool { return recordFields[typ] != nil }

// TestRecordTypes checks every record type for what decoding relies on. A wrong tag on Extra
// would be ignored silently, and without omitzero a field could not be replaced.
func TestRecordTypes(t *testing.T) {
	t.Parallel()
	for typ, fields := range recordTypes {
		t.Run(typ.Name(), func(t *testing.T) {
			t.Parallel()
			if n := len(recordFields[typ]); n != fields {
				t.Errorf("%d fields, want %d", n, fields)
			}
			if err := wire.Check(typ); err != nil {
				t.Error(err)
			}
			for f := range typ.Fields() {
				elem := f.Type
				for elem.Kind() == reflect.Pointer || elem.Kind() == reflect.Slice && elem != reflect.TypeFor[json.RawMessage]() {
					elem = elem.Elem()
				}
				if elem.Kind() == reflect.Struct && elem != reflect.TypeFor[time.Time]() && !isRecord(elem) {
					t.Errorf("%s holds a %s, which is not in recordTypes", f.Name, elem)
				}
			}
			decoder, ok := reflect.New(typ).Interface().(json.Unmarshaler)
			if !ok {
				t.Fatal("it does not decode itself")
			}
			if err := decoder.UnmarshalJSON([]byte("[]")); err == nil || !strings.Contains(err.Error(), typ.Name()+" is an object, not an array") {
				t.Errorf("from an array: %v", err)
			}
		})
	}
}

// TestSamplesAreFullyTyped compares each sample with the record that is decoded from it. A
// JSON field without a struct field fails the test.
func TestSamplesAreFullyTyped(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		file, envelope string
		into           any
		fields         int // of the outermost record in the sample
	}{
		{"users.json", "users", &[]growthgenius.User{}, 10},
		{"user_single.json", "user", &growthgenius.User{}, 10},
		{"contact.json", "contact", &growthgenius.Contact{}, 58},
		{"contacts.json", "contacts", &[]growthgenius.Contact{}, 58},
		{"company_find.json", "", &growthgenius.Company{}, 1},
		{"company_find.json", "contact", &growthgenius.Contact{}, 58},
		{"contacts_search.json", "", &growthgenius.ContactPage{}, 7},
		{"message.json", "message", &growthgenius.Message{}, 8},
		{"messages.json", "messages", &[]growthgenius.Message{}, 8},
		{"company.json", "", &growthgenius.Company{}, 23},
		{"person.json", "", &growthgenius.Person{}, 82},
	} {
		t.Run(tt.file, func(t *testing.T) {
			t.Parallel()
			data := testkit.Sample(t, tt.file)
			if tt.envelope != "" {
				data = testkit.Inside(t, tt.file, tt.envelope)
			}
			if err := json.Unmarshal(data, tt.into); err != nil {
				t.Fatal(err)
			}
			var doc any
			if err := json.Unmarshal(data, &doc); err != nil {
				t.Fatal(err)
			}
			outer := doc
			if list, ok := doc.([]any); ok {
				outer = list[0]
			}
			if n := len(outer.(map[string]any)); n != tt.fields {
				t.Errorf("the sample has %d fields, want %d", n, tt.fields)
			}
			walkTyped(t, tt.file, doc, reflect.ValueOf(tt.into))
		})
	}
}

// walkTyped compares a value of the sample with the field that should have it.
func walkTyped(t *testing.T, at string, want any, got reflect.Value) {
	t.Helper()
	for got.Kind() == reflect.Pointer && !got.IsNil() {
		got = got.Elem()
	}
	switch want := want.(type) {
	case nil:
		if !got.IsZero() {
			t.Errorf("%s: %v from null", at, got)
		}
	case []any:
		if got.Type() == reflect.TypeFor[json.RawMessage]() {
			return
		}
		if got.Kind() != reflect.Slice || got.Len() != len(want) {
			t.Fatalf("%s: %v from a list of %d", at, got, len(want))
		}
		for i := range want {
			walkTyped(t, at+"[]", want[i], got.Index(i))
		}
	case map[string]any:
		if wrapped, ok := want["contact"].(map[string]any); ok && got.Type() == reflect.TypeFor[growthgenius.Contact]() {
			want = wrapped
		}
		for name, value := range want {
			switch field, ok := recordFields[got.Type()][name]; {
			case ok:
				walkTyped(t, at+"."+name, value, got.FieldByIndex(field.Index))
			case name == "//": // the reference's own "and so on"
			case name == "fist_name": // the reference's misspelling
				walkTyped(t, at+"."+name, value, got.FieldByName("FirstName"))
			default:
				t.Errorf("%s.%s: no field takes it", at, name)
			}
		}
		for name := range got.FieldByName("Extra").Interface().(map[string]json.RawMessage) {
			if name != "//" {
				t.Errorf("%s.%s is in Extra", at, name)
			}
		}
	default:
		if want == false || want == "" || want == 0.0 {
			return // the zero value of its field
		}
		if got.Kind() == reflect.Pointer || got.IsZero() {
			t.Errorf("%s: no value from %v", at, want)
		}
	}
}
