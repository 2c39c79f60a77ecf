package wire_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/growthgenius/growthgenius-go/internal/errs"
	"github.com/growthgenius/growthgenius-go/internal/wire"
)

// addSamples makes the records in testdata the seeds, and some odd ones.
func addSamples(f *testing.F, files ...string) {
	f.Helper()
	for _, file := range files {
		f.Add(sample(f, file))
		var doc map[string]json.RawMessage
		if err := json.Unmarshal(sample(f, file), &doc); err != nil {
			f.Fatal(err)
		}
		for _, value := range doc {
			f.Add([]byte(value))
		}
	}
	for _, odd := range append([]string{
		`{}`, `null`, `[]`, `{"id":{"a":[1,2]},"name":5,"":null}`, `{"contact":{"id":1,"fist_name":"x"},"x":2}`,
		`{"user":{"id":"007"},"roles":[1]}`, `{"message":{"id":-1},"sent_at":""}`, `{"company":{"size":"5.0"},"location":5}`,
		`{"person":{"experience":[{"company":[]}]},"emails":[null,5]}`,
		`{"contacts":[{"contact":{}},null,5],"pagination":{"page":"1"}}`, "{\"name\":\"\xff\",\"x\xff\":1}",
		`{"name":1,"name":"a","x":{"a":1,"a":2}}`,
	}, oddJSON...) {
		f.Add([]byte(odd))
	}
}

// fuzzRecord compares the decoder with one that knows no types: it must not panic, must accept
// every object and reject everything else, and must lose nothing. plain is the type of the
// record without its methods and traits.
func fuzzRecord(t *testing.T, data []byte, v json.Unmarshaler, plain reflect.Type) {
	t.Helper()
	if len(data) > 1<<16 {
		t.Skip("large")
	}
	typ := reflect.TypeOf(v).Elem()
	sameAsLibrary(t, data, plain)
	err := v.UnmarshalJSON(data)
	tree, treeErr := generic(data)
	object, isObject := tree.(map[string]any)
	switch {
	case !json.Valid(data):
		if err == nil && wire.KindOf(data) != wire.KindNull {
			t.Fatalf("invalid JSON is accepted: %q", data)
		}
		return
	case tree == nil && treeErr == nil:
		return // null changes nothing
	case !isObject:
		if err == nil {
			t.Fatalf("%s is taken for a record", data)
		}
		return
	case err != nil && garbled(data) && strings.Contains(err.Error(), "name of a field"):
		return
	case err != nil:
		t.Fatalf("%q: %v", data, err)
	}
	// There is no one right way to read repeated names and bytes that are not text.
	if utf8.Valid(data) && !repeats(data) && !strings.Contains(string(data), `\u`) {
		checkNothingLost(t, typ, object)
		return
	}
	first := sameBytes(t, reflect.ValueOf(v).Elem().Interface().(json.Marshaler))
	again := reflect.New(typ)
	if err := json.Unmarshal([]byte(first), again.Interface()); err != nil {
		t.Fatalf("%q: %v", first, err)
	}
	if second := sameBytes(t, again.Elem().Interface().(json.Marshaler)); len(second) != len(first) && !wraps(typ, data) {
		t.Fatalf("%q\nbecomes\n%q\nand then\n%q", data, first, second)
	}
}

// sameAsLibrary checks that the fields of a record are as the JSON library decodes them, if
// that accepts the data for them.
func sameAsLibrary(t *testing.T, data []byte, plain reflect.Type) {
	t.Helper()
	want, got := reflect.New(plain), reflect.New(plain)
	if !bytes.HasPrefix(bytes.TrimSpace(data), []byte("{")) || wire.Unmarshal(data, want.Interface()) != nil || repeats(data) || garbled(data) {
		return
	}
	for i := range plain.NumField() { // null is nothing
		if raw, ok := want.Elem().Field(i).Addr().Interface().(*json.RawMessage); ok && string(*raw) == "null" {
			*raw = nil
		}
	}
	if err := wire.UnmarshalRecord(data, got.Interface()); err != nil {
		t.Fatalf("%q: %v", data, err)
	}
	if diff := cmp.Diff(want.Elem().Interface(), got.Elem().Interface(), cmpopts.EquateEmpty()); diff != "" {
		t.Fatalf("%q is another record to the library (-) than to us (+):\n%s", data, diff)
	}
}

// wraps reports whether the data has the key of a wrapper, one of which is removed each time.
func wraps(typ reflect.Type, data []byte) bool {
	return strings.Contains(string(data), strings.ToLower(typ.Name())) || strings.Contains(string(data), "contact") || strings.Contains(string(data), `\`)
}

// garbled reports whether the data has text that is not valid UTF-8, in a value or a name.
func garbled(data []byte) bool {
	return !utf8.Valid(data) || strings.Contains(strings.ToLower(string(data)), `\ud`)
}

// repeats reports whether an object in the data has a name twice.
func repeats(data []byte) bool {
	dec := json.NewDecoder(strings.NewReader(string(data)))
	dec.UseNumber()
	var value func() bool
	value = func() bool {
		token, err := dec.Token()
		if err != nil {
			return false
		}
		switch token {
		case json.Delim('{'):
			seen := map[any]bool{}
			for dec.More() {
				name, err := dec.Token()
				if err != nil || seen[name] || value() {
					return true
				}
				seen[name] = true
			}
			_, _ = dec.Token()
		case json.Delim('['):
			for dec.More() {
				if value() {
					return true
				}
			}
			_, _ = dec.Token()
		}
		return false
	}
	return value()
}

func FuzzContact(f *testing.F) {
	type plain Contact
	addSamples(f, "contact.json", "company_find.json")
	f.Fuzz(func(t *testing.T, data []byte) { fuzzRecord(t, data, new(Contact), reflect.TypeFor[plain]()) })
}

func FuzzMessage(f *testing.F) {
	type plain Message
	addSamples(f, "message.json")
	f.Fuzz(func(t *testing.T, data []byte) { fuzzRecord(t, data, new(Message), reflect.TypeFor[plain]()) })
}

func FuzzUser(f *testing.F) {
	type plain User
	addSamples(f, "user_single.json")
	f.Fuzz(func(t *testing.T, data []byte) { fuzzRecord(t, data, new(User), reflect.TypeFor[plain]()) })
}

func FuzzCompany(f *testing.F) {
	type plain Company
	addSamples(f, "company.json", "company_find.json")
	f.Fuzz(func(t *testing.T, data []byte) { fuzzRecord(t, data, new(Company), reflect.TypeFor[plain]()) })
}

func FuzzPerson(f *testing.F) {
	type plain Person
	addSamples(f, "person.json")
	f.Fuzz(func(t *testing.T, data []byte) { fuzzRecord(t, data, new(Person), reflect.TypeFor[plain]()) })
}

func FuzzPage(f *testing.F) {
	type plain Page
	addSamples(f, "contacts_search.json")
	f.Fuzz(func(t *testing.T, data []byte) { fuzzRecord(t, data, new(Page), reflect.TypeFor[plain]()) })
}

// FuzzRow: a map has the members that encoding/json finds.
func FuzzRow(f *testing.F) {
	addSamples(f, "contact.json", "message.json")
	f.Fuzz(func(t *testing.T, data []byte) {
		var got Row
		err := wire.UnmarshalRecord(data, &got)
		var want map[string]json.RawMessage
		if jsonErr := json.Unmarshal(data, &want); jsonErr != nil || want == nil {
			if got != nil || err == nil && wire.KindOf(data) != wire.KindNull && utf8.Valid(data) {
				t.Fatalf("%q is taken for an object: %v, %v", data, got, err)
			}
			return
		}
		for _, inner := range want {
			var unwrapped map[string]json.RawMessage
			if len(want) == 1 && want["id"] == nil && wire.KindOf(inner) == wire.KindObject && json.Unmarshal(inner, &unwrapped) == nil {
				want = unwrapped
			}
		}
		if diff := cmp.Diff(Row(want), got, cmpopts.EquateEmpty()); diff != "" && utf8.Valid(data) && !repeats(data) || err != nil && !garbled(data) {
			t.Fatalf("%q: %v\n%s", data, err, diff)
		}
	})
}

// FuzzEnvelope: the elements of a list are those that a decoder of the whole list finds,
// whatever is around them, and however they arrive.
func FuzzEnvelope(f *testing.F) {
	addSamples(f, "contact.json", "contacts.json", "contacts_search.json")
	f.Add([]byte(`{"contacts":[{"title":[{"a":"}"}]},null,{"contact":{"id":1,"title":5}}],"contact":{"id":2},"x":[{"contacts":[{}]}]}`))
	f.Add([]byte(`{"contacts":[{"id":1}],"partial_results_only":false,"pagination":{"total_entries":1}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		r := wire.NewReader(data, contactEnvelope, noStray)
		got, err := readAll[Contact](r)
		r.Done()
		pieces := iotest.HalfReader(iotest.DataErrReader(bytes.NewReader(data)))
		streamed, streamErr := readAll[Contact](wire.NewStream(io.NopCloser(pieces), contactEnvelope, noStray, func(int64) {}))
		if diff := cmp.Diff(got, streamed, cmpopts.EquateEmpty()); diff != "" || (err == nil) != (streamErr == nil) {
			t.Fatalf("streamed it is something else (%v, %v):\n%s", err, streamErr, diff)
		}
		if !json.Valid(data) {
			if err == nil {
				t.Fatalf("invalid JSON is accepted: %q", data)
			}
			return
		}
		if repeats(data) || !utf8.Valid(data) || errors.Is(err, errs.ErrPartialResults) {
			return
		}
		want, ok := elementsOf(t, data)
		if (err == nil) != ok {
			t.Fatalf("%s: %v", data, err)
		}
		if err == nil && !sameContacts(t, got, want) {
			t.Fatalf("%s\nis read as\n%s\nwant\n%s", data, mustJSON(t, got), mustJSON(t, want))
		}
	})
}

// elementsOf decodes the records of an envelope as a whole, and reports whether all is well.
func elementsOf(t *testing.T, data []byte) (want []Contact, ok bool) {
	t.Helper()
	var doc map[string]json.RawMessage
	if json.Unmarshal(data, &doc) != nil || doc == nil {
		return nil, false
	}
	for _, name := range []string{"contact", "contacts"} {
		raw, found := doc[name]
		if !found {
			continue
		}
		ok = true
		items := []json.RawMessage{raw}
		if wire.KindOf(raw) == wire.KindArray {
			if err := json.Unmarshal(raw, &items); err != nil {
				t.Fatal(err)
			}
			items = slices.DeleteFunc(items, func(item json.RawMessage) bool { return wire.KindOf(item) == wire.KindNull })
		}
		for _, item := range items {
			var c Contact
			if wire.KindOf(item) != wire.KindObject || c.UnmarshalJSON(item) != nil {
				return nil, false
			}
			want = append(want, c)
		}
	}
	return want, ok
}

// sameContacts compares without regard to the order of the two envelope keys.
func sameContacts(t *testing.T, a, b []Contact) bool {
	t.Helper()
	texts := func(list []Contact) []string {
		var out []string
		for _, c := range list {
			out = append(out, mustJSON(t, c))
		}
		slices.Sort(out)
		return out
	}
	return slices.Equal(texts(a), texts(b))
}
