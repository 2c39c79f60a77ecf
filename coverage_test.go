package growthgenius

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

// recordTypes are all types the API answers with, with the number of fields the
// reference gives them where it is known. A type reached from one of them and missing
// here fails TestRecordTypes.
var recordTypes = map[reflect.Type]int{
	reflect.TypeFor[User]():              10,
	reflect.TypeFor[Message]():           8,
	reflect.TypeFor[Contact]():           58,
	reflect.TypeFor[ContactAccount]():    2,
	reflect.TypeFor[ContactPage]():       7,
	reflect.TypeFor[Breadcrumb]():        4,
	reflect.TypeFor[Pagination]():        4,
	reflect.TypeFor[Company]():           23 + 1, // and the contact it may stand in
	reflect.TypeFor[CompanyLocation]():   9,
	reflect.TypeFor[Person]():            82,
	reflect.TypeFor[PersonEmail]():       2,
	reflect.TypeFor[PersonLocation]():    10,
	reflect.TypeFor[Experience]():        7,
	reflect.TypeFor[ExperienceCompany](): 15,
	reflect.TypeFor[JobTitle]():          5,
	reflect.TypeFor[Education]():         9,
	reflect.TypeFor[School]():            11,
	reflect.TypeFor[Profile]():           4,
	reflect.TypeFor[VersionStatus]():     4,
}

// TestRecordTypes holds every record to what decode.go takes for granted. A wrong tag on
// Extra would be ignored in silence, and without omitzero a field could not be replaced.
func TestRecordTypes(t *testing.T) {
	t.Parallel()
	for typ, fields := range recordTypes {
		t.Run(typ.Name(), func(t *testing.T) {
			t.Parallel()
			s := schemaOf(typ)
			if len(s.index) != fields {
				t.Errorf("%d fields, want %d", len(s.index), fields)
			}
			if s.name != typ.Name() || s.extra < 0 {
				t.Errorf("schema %q, Extra at %d", s.name, s.extra)
			}
			for f := range typ.Fields() {
				tag := f.Tag.Get("json")
				if f.Name == "Extra" {
					if tag != ",embed,unknown" || f.Type != rawMapType {
						t.Errorf("Extra is a %s tagged %q", f.Type, tag)
					}
					continue
				}
				name, rest, _ := strings.Cut(tag, ",")
				if name == "" || rest != "omitzero" {
					t.Errorf("%s is tagged %q", f.Name, tag)
				}
				for elem := f.Type; ; elem = elem.Elem() {
					if elem.Kind() == reflect.Pointer || elem.Kind() == reflect.Slice && elem != reflect.TypeFor[json.RawMessage]() {
						continue
					}
					_, listed := recordTypes[elem]
					if elem.Kind() == reflect.Struct && elem != reflect.TypeFor[time.Time]() && !listed {
						t.Errorf("%s holds a %s, which is not in recordTypes", f.Name, elem)
					}
					break
				}
			}
			if _, ok := reflect.New(typ).Interface().(record); !ok {
				t.Error("it is no record")
			}
			if _, ok := reflect.New(typ).Elem().Interface().(json.Marshaler); !ok {
				t.Error("its value does not encode itself")
			}
		})
	}
}

// TestInputsHaveTheFieldsOfTheirRecords: what can be read can be written, under the same
// name. The exceptions are what the API sets itself.
func TestInputsHaveTheFieldsOfTheirRecords(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		record, input reflect.Type
		except        []string
	}{
		{reflect.TypeFor[Contact](), reflect.TypeFor[ContactInput](), []string{"ID", "CreatedAt", "UpdatedAt"}},
		{reflect.TypeFor[Message](), reflect.TypeFor[MessageInput](), []string{"ID"}},
	} {
		for f := range tt.record.Fields() {
			in, ok := tt.input.FieldByName(f.Name)
			switch {
			case slices.Contains(tt.except, f.Name):
				if ok {
					t.Errorf("%s.%s is the API's to set", tt.input, f.Name)
				}
			case !ok:
				t.Errorf("%s has no %s", tt.input, f.Name)
			case in.Tag != f.Tag:
				t.Errorf("%s.%s is tagged %s, the record's %s", tt.input, f.Name, in.Tag, f.Tag)
			}
		}
		if want := tt.record.NumField() - len(tt.except); tt.input.NumField() != want {
			t.Errorf("%s has %d fields, want %d", tt.input, tt.input.NumField(), want)
		}
	}
}

// TestSamplesAreFullyTyped walks each sample and the record made of it side by side: a
// JSON field that no struct field took fails the test.
func TestSamplesAreFullyTyped(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		file, envelope string
		into           any
		fields         int // of the outermost record in the sample
	}{
		{"users.json", "users", &[]User{}, 10},
		{"user_single.json", "user", &User{}, 10},
		{"contact.json", "contact", &Contact{}, 58},
		{"contacts.json", "contacts", &[]Contact{}, 58},
		{"company_find.json", "", &Company{}, 1},
		{"company_find.json", "contact", &Contact{}, 58},
		{"contacts_search.json", "", &ContactPage{}, 7},
		{"message.json", "message", &Message{}, 8},
		{"messages.json", "messages", &[]Message{}, 8},
		{"company.json", "", &Company{}, 23},
		{"person.json", "", &Person{}, 82},
	} {
		t.Run(tt.file, func(t *testing.T) {
			t.Parallel()
			data := sample(t, tt.file)
			if tt.envelope != "" {
				data = inside(t, tt.file, tt.envelope)
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

// walkTyped compares a value of the sample with the field that should have taken it.
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
		if wrapped, ok := want["contact"].(map[string]any); ok && got.Type() == reflect.TypeFor[Contact]() {
			want = wrapped
		}
		s := schemaOf(got.Type())
		for name, value := range want {
			switch i, ok := s.index[name]; {
			case ok:
				walkTyped(t, at+"."+name, value, got.Field(i))
			case name == "//": // the reference's own "and so on"
			case name == "fist_name": // the reference's misspelling
				walkTyped(t, at+"."+name, value, got.FieldByName("FirstName"))
			default:
				t.Errorf("%s.%s: no field takes it", at, name)
			}
		}
		for name := range got.Field(s.extra).Interface().(map[string]json.RawMessage) {
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
