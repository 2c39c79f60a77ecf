package growthgenius

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/growthgenius/growthgenius-go/internal/redact"
)

// addSamples makes the records in testdata the seeds, and some that are odd.
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
	for _, odd := range []string{
		`{}`, `null`, `[]`, `{"id":{"a":[1,2]},"name":5,"":null}`, `{"contact":{"id":1,"fist_name":"x"},"x":2}`, `{"user":{"id":"007"},"roles":[1]}`,
		`{"message":{"id":-1},"sent_at":""}`, `{"company":{"size":"5.0"},"location":5}`, `{"person":{"experience":[{"company":[]}]},"emails":[null,5]}`,
		`{"contacts":[{"contact":{}},null,5],"pagination":{"page":"1"}}`, "{\"name\":\"\xff\",\"x\xff\":1}", `{"name":1,"name":"a","x":{"a":1,"a":2}}`,
	} {
		f.Add([]byte(odd))
	}
	for _, odd := range oddJSON {
		f.Add([]byte(odd))
	}
}

// fuzzRecord compares our decoder with one that knows no types: it may not panic, must
// take every object and refuse everything else, and may lose nothing.
func fuzzRecord(t *testing.T, data []byte, v record) {
	t.Helper()
	if len(data) > 1<<16 {
		t.Skip("large")
	}
	typ := reflect.TypeOf(v).Elem()
	sameAsLibrary(t, data, reflect.TypeOf(v.fields()).Elem())
	err := v.(json.Unmarshaler).UnmarshalJSON(data)
	tree, treeErr := generic(data)
	object, isObject := tree.(map[string]any)
	switch {
	case !json.Valid(data):
		if err == nil && kindOf(data) != kindNull {
			t.Fatalf("invalid JSON is taken: %q", data)
		}
		return
	case tree == nil && treeErr == nil:
		return // null changes nothing
	case !isObject:
		if err == nil {
			t.Fatalf("%s is taken for a record", data)
		}
		return
	case err != nil:
		t.Fatalf("%q: %v", data, err)
	}
	// Names that occur twice and bytes that are no text have no one right reading.
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

// sameAsLibrary holds the walk that fills a record to the JSON library, where that takes
// the data for the record's fields.
func sameAsLibrary(t *testing.T, data []byte, twin reflect.Type) {
	t.Helper()
	want, got := reflect.New(twin), reflect.New(twin)
	if !bytes.HasPrefix(bytes.TrimSpace(data), []byte("{")) || unmarshalJSON(data, want.Interface()) != nil || repeats(data) {
		return
	}
	for i := range twin.NumField() { // null is nothing
		if raw, ok := want.Elem().Field(i).Addr().Interface().(*json.RawMessage); ok && string(*raw) == "null" {
			*raw = nil
		}
	}
	dec := borrowDecoder(data)
	defer dec.giveBack()
	valid, err := dec.whole()
	if err != nil {
		t.Fatalf("%q: %v", data, err)
	}
	dec.records.fillTwin(&walk{data: valid}, got.Interface())
	if diff := cmp.Diff(want.Elem().Interface(), got.Elem().Interface(), cmpopts.EquateEmpty()); diff != "" {
		t.Fatalf("%q is to the library another record (-) than to us (+):\n%s", data, diff)
	}
}

// wraps reports whether the data has the key of a wrapper, one of which goes each time.
func wraps(typ reflect.Type, data []byte) bool {
	return strings.Contains(string(data), strings.ToLower(schemaOf(typ).name)) || strings.Contains(string(data), "contact") || strings.Contains(string(data), `\`)
}

// repeats reports whether some object in the data has a name twice.
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
	addSamples(f, "contact.json", "company_find.json")
	f.Fuzz(func(t *testing.T, data []byte) { fuzzRecord(t, data, new(Contact)) })
}

func FuzzMessage(f *testing.F) {
	addSamples(f, "message.json")
	f.Fuzz(func(t *testing.T, data []byte) { fuzzRecord(t, data, new(Message)) })
}

func FuzzUser(f *testing.F) {
	addSamples(f, "user_single.json")
	f.Fuzz(func(t *testing.T, data []byte) { fuzzRecord(t, data, new(User)) })
}

func FuzzCompany(f *testing.F) {
	addSamples(f, "company.json", "company_find.json")
	f.Fuzz(func(t *testing.T, data []byte) { fuzzRecord(t, data, new(Company)) })
}

func FuzzPerson(f *testing.F) {
	addSamples(f, "person.json")
	f.Fuzz(func(t *testing.T, data []byte) { fuzzRecord(t, data, new(Person)) })
}

func FuzzPage(f *testing.F) {
	addSamples(f, "contacts_search.json")
	f.Fuzz(func(t *testing.T, data []byte) { fuzzRecord(t, data, new(ContactPage)) })
}

func readElements(items *elements) (got []Contact, err error) {
	for {
		var c Contact
		ok, err := items.next(func() record { return &c })
		if !ok || err != nil {
			return got, err
		}
		got = append(got, c)
	}
}

// FuzzEnvelope: the elements of a list are those that a decoder of the whole list finds,
// whatever stands around them.
func FuzzEnvelope(f *testing.F) {
	addSamples(f, "contact.json", "contacts.json", "contacts_search.json")
	f.Add([]byte(`{"contacts":[{"title":[{"a":"}"}]},null,{"contact":{"id":1,"title":5}}],"contact":{"id":2},"x":[{"contacts":[{}]}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		got, err := readElements(newElements(data, contactEnvelope, func(string, kind) {}))
		_, wait := newPatience(t.Context(), time.Minute)
		body := &streamBody{
			patience: wait, res: &response{}, limit: 1 << 30, explain: func(err error) error { return err },
			body: io.NopCloser(iotest.HalfReader(iotest.DataErrReader(bytes.NewReader(data)))),
		}
		defer body.close()
		streamed, streamErr := readElements(newStreamElements(body, contactEnvelope, func(string, kind) {}))
		if diff := cmp.Diff(got, streamed, cmpopts.EquateEmpty()); diff != "" || (err == nil) != (streamErr == nil) {
			t.Fatalf("streamed it is something else (%v, %v):\n%s", err, streamErr, diff)
		}
		if !json.Valid(data) {
			if err == nil {
				t.Fatalf("invalid JSON is taken: %q", data)
			}
			return
		}
		if repeats(data) || !utf8.Valid(data) {
			return
		}
		var doc map[string]json.RawMessage
		if json.Unmarshal(data, &doc) != nil || doc == nil {
			if err == nil {
				t.Fatalf("%s is taken for an envelope", data)
			}
			return
		}
		var want []Contact
		found, bad := false, false
		for _, name := range []string{"contact", "contacts"} {
			raw, ok := doc[name]
			if !ok {
				continue
			}
			found = true
			items := []json.RawMessage{raw}
			if kindOf(raw) == kindArray {
				if err := json.Unmarshal(raw, &items); err != nil {
					t.Fatal(err)
				}
				items = slices.DeleteFunc(items, func(item json.RawMessage) bool { return kindOf(item) == kindNull })
			}
			for _, item := range items {
				var c Contact
				if kindOf(item) != kindObject || c.UnmarshalJSON(item) != nil {
					bad = true
					break
				}
				want = append(want, c)
			}
		}
		if (err != nil) != (bad || !found) {
			t.Fatalf("%s: %v", data, err)
		}
		if err == nil && !sameContacts(t, got, want) {
			t.Fatalf("%s\nis read as\n%s\nwant\n%s", data, mustJSON(t, got), mustJSON(t, want))
		}
	})
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

// FuzzID: an id survives its JSON, and what is read of JSON is written back.
func FuzzID(f *testing.F) {
	for _, id := range []string{"", "0", "5", "007", "-1", "9223372036854775808", "d54c54ad-40be-4305-8a34-0ab44710b90d", `a"\b`, "\u2028", "1e3", "\xff"} {
		f.Add(id)
	}
	f.Fuzz(func(t *testing.T, text string) {
		id := ID(text)
		if !utf8.ValidString(text) {
			return // JSON cannot carry it
		}
		if back := mustDecode[ID](t, sameBytes(t, id)); back != id {
			t.Fatalf("%q becomes %q", id, back)
		}
		if n, err := id.Int64(); err == nil && IntID(n) != id {
			t.Fatalf("%q is %d", id, n)
		}
		var read ID
		if err := read.UnmarshalJSON([]byte(text)); err == nil && json.Valid([]byte(text)) {
			if back := mustDecode[ID](t, mustJSON(t, read)); back != read {
				t.Fatalf("%q is read %q and becomes %q", text, read, back)
			}
		}
		if segment, err := escapeID(id); err == nil && (segment == "" || strings.ContainsAny(segment, "/?#\\ \r\n")) {
			t.Fatalf("%q is the segment %q", id, segment)
		}
	})
}

// FuzzErrorBody: whatever comes with an error, its text is printable and small, and lacks
// the key.
func FuzzErrorBody(f *testing.F) {
	for _, name := range []string{"error_message.json", "error_object.json", "error_string.json", "errors_fields.json", "errors_list.json", "message.json", "page.html", "plain.txt"} {
		f.Add(400, sample(f, "errors/"+name))
	}
	f.Add(302, []byte(`{"errors":[{"field":"a","message":"`+secret+`"},{"errors":{"b":[{"error":{"type":5}}]}}]}`))
	f.Add(500, []byte("<html>\u212a\xff<script>"+secret+"</script"))
	for _, key := range echoes() {
		f.Add(422, []byte(`{"errors":{"`+key+`":["`+key+`"]}}`))
	}
	hide := redact.New(testKey)
	f.Fuzz(func(t *testing.T, status int, body []byte) {
		e := newAPIError("GET", "/users", &response{status: status, header: http.Header{}, body: body}, time.Time{}, hide)
		text := e.Error()
		if len(e.Body) > redact.MaxBody || len(text) > 4*maxErrorJSON {
			t.Fatalf("%d bytes of body, %d of text", len(e.Body), len(text))
		}
		for _, r := range text {
			if !unicode.IsPrint(r) && r != '\n' && r != '\t' {
				t.Fatalf("%q in %q", r, text)
			}
		}
		if strings.Contains(text, testKey) || strings.Contains(string(e.Body), testKey) || strings.Contains(fmt.Sprintf("%+v", *e), testKey) {
			t.Fatalf("the key is in %q", text)
		}
	})
}

// FuzzRetryAfter: a wait is never negative, and is what the header says.
func FuzzRetryAfter(f *testing.F) {
	now := time.Date(2021, 1, 19, 17, 0, 0, 0, time.UTC)
	for _, text := range []string{"", "0", "5", "-1", "1.5", "18446744073709551616", "9999999999", "Tue, 19 Jan 2021 17:00:30 GMT", "Tue, 19 Jan 2021 16:00:30 GMT", "Mon, 01 Jan 0001 00:00:00 GMT", "Fri, 31 Dec 9999 23:59:59 GMT", "soon", " 5", "+5"} {
		f.Add(text, "")
		f.Add(text, "Tue, 19 Jan 2021 17:00:00 GMT")
	}
	f.Fuzz(func(t *testing.T, text, date string) {
		wait, ok := retryAfter(http.Header{"Retry-After": {text}, "Date": {date}}, now)
		if wait < 0 || (!ok && wait != 0) {
			t.Fatalf("%q: %s, %v", text, wait, ok)
		}
		if at, err := http.ParseTime(text); err == nil && (!ok || (date == "" && wait != max(0, at.Sub(now)))) {
			t.Fatalf("%q: %s, %v", text, wait, ok)
		}
	})
}

// FuzzDomain: a domain brought into its one form stays as it is, and is no other host.
func FuzzDomain(f *testing.F) {
	for _, text := range []string{"tesla.com", "https://www.Tesla.com:443/x?y#z", "www.www.a.b", "www。a。b", "münchen.de.", "a..b", "x://y://z", "//a", "www.\u00ad.com", "[::1]:80", "a@b"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		domain, err := cleanDomain(text)
		if err != nil {
			return
		}
		if again, err := cleanDomain(domain); err != nil || again != domain {
			t.Fatalf("%q becomes %q and then %q, %v", text, domain, again, err)
		}
		if domain == "" || domain != strings.ToLower(domain) || strings.ContainsAny(domain, "/?#:@% \r\n") || strings.ContainsFunc(domain, func(r rune) bool { return r > unicode.MaxASCII }) {
			t.Fatalf("%q becomes %q", text, domain)
		}
	})
}
