package wire_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/growthgenius/growthgenius-go/internal/wire"
)

// pieces reads data in pieces, whose sizes are one more than the squares of the numbers given, and
// then returns err.
type pieces struct {
	data  []byte
	sizes []byte
	n     int
	err   error
}

func (p *pieces) Read(b []byte) (int, error) {
	if len(p.data) == 0 {
		return 0, p.err
	}
	size := 1 << 20
	if len(p.sizes) > 0 {
		size = 1 + int(p.sizes[p.n%len(p.sizes)])*int(p.sizes[p.n%len(p.sizes)])
		p.n++
	}
	n := copy(b[:min(size, len(b))], p.data)
	p.data = p.data[n:]
	return n, nil
}

// reading is all that can be seen of how a Reader reads a response.
type reading struct {
	Records []any
	Marks   []string // of each record: where it begins and ends, and what it takes
	Strays  []string
	Unread  wire.ID
	Doubt   bool
	Error   string
	Partial bool
}

// readingOf reads a response with a Reader that make returns.
func readingOf(typ reflect.Type, list bool, build func(stray wire.Stray, begin func(int64)) *wire.Reader) (found reading, direct bool) {
	var begun int64
	stray := func(name string, k wire.Kind) { found.Strays = append(found.Strays, fmt.Sprintf("%q %s", name, k)) }
	r := build(stray, func(at int64) { begun = at })
	defer r.Done()
	if list {
		r.ExpectList(0, false, "")
	}
	var into any
	for {
		ok, err := r.Next(func() any {
			into = reflect.New(typ).Interface()
			found.Records = append(found.Records, into)
			return into
		})
		if err != nil {
			found.Error, found.Unread = err.Error(), r.UnreadID()
		}
		if !ok || err != nil {
			found.Doubt = r.Doubtful()
			return found, r.ReadsDirectly()
		}
		found.Marks = append(found.Marks, fmt.Sprint(begun, r.Offset(), r.Taken()))
	}
}

var errReset = errors.New("connection reset")

// sameInTwoPasses checks that a response is the same to a Reader whether or not the JSON library
// checks it first. It reports whether all of it was read directly.
func sameInTwoPasses(t tester, data, sizes []byte, typ reflect.Type, list bool) (direct bool) {
	t.Helper()
	memory := func(stray wire.Stray, _ func(int64)) *wire.Reader {
		return wire.NewReader(data, contactEnvelope, stray)
	}
	stream := func(err error) func(wire.Stray, func(int64)) *wire.Reader {
		return func(stray wire.Stray, begin func(int64)) *wire.Reader {
			return wire.NewStream(&pieces{data: data, sizes: sizes, err: err}, contactEnvelope, stray, begin)
		}
	}
	for name, build := range map[string]func(wire.Stray, func(int64)) *wire.Reader{
		"memory": memory, "stream": stream(io.EOF), "broken stream": stream(errReset),
	} {
		got, is := readingOf(typ, list, build)
		want, _ := readingOf(typ, list, func(stray wire.Stray, begin func(int64)) *wire.Reader {
			return build(stray, begin).InTwoPasses()
		})
		if name != "memory" {
			got.Error, want.Error = withoutQuote(got.Error), withoutQuote(want.Error)
		}
		if !reflect.DeepEqual(want, got) {
			diff := cmp.Diff(want, got)
			t.Fatalf("%s of %q in pieces of %v, as %s: in two passes (-) and directly (+):\n%s", name, data, sizes, typ, diff)
		}
		direct = direct || is
	}
	return direct
}

// quote is what an error of the JSON library quotes of a response: no more than has arrived.
var quote = regexp.MustCompile(`invalid (escape sequence .* in string|character '(\\x..|[^ -~]+)')`)

func withoutQuote(text string) string { return quote.ReplaceAllString(text, "invalid") }

// FuzzDirect: a response is the same to a Reader whether or not the JSON library checks it
// first, however it arrives.
func FuzzDirect(f *testing.F) {
	for _, file := range []string{"contact.json", "contacts.json", "contacts_search.json"} {
		f.Add(sample(f, file), []byte{1, 30}, true)
		f.Add(sample(f, file), []byte{}, false)
	}
	for _, odd := range slices.Concat(oddJSON, brokenJSON) {
		f.Add([]byte(odd), []byte{0}, false)
		f.Add([]byte(`{"contact":`+odd+"}"), []byte{0}, false)
		f.Add([]byte(`{"contacts":[{"id":1},`+odd+`,{"id":2}],"x":1}`), []byte{2, 7}, true)
	}
	f.Fuzz(func(t *testing.T, data, sizes []byte, list bool) {
		if len(data) > 1<<14 {
			t.Skip("large")
		}
		sameInTwoPasses(t, data, sizes, reflect.TypeFor[Contact](), list)
		sameInTwoPasses(t, data, sizes, reflect.TypeFor[Row](), list)
	})
}

// brokenJSON is no JSON.
var brokenJSON = []string{
	``, ` `, `{`, `}`, `{"`, `{"id`, `{"id"`, `{"id":`, `{"id":1`, `{"id":1,`, `{"id":1,}`, `{,}`, `{"id" 1}`, `{"id":}`, `{"id":1 "name":2}`, `{"id":1]`,
	`{"id":01}`, `{"id":-}`, `{"id":1.}`, `{"id":.5}`, `{"id":1e}`, `{"id":1e+}`, `{"id":+1}`, `{"id":0x1}`, `{"id":1a}`, `{"id":--1}`, `{"id":NaN}`,
	`{"id":tru}`, `{"id":nul}`, `{"id":nullnull}`, `{"id":True}`, `{"id":falsey}`, `{'id':1}`, `{id:1}`, `{1:1}`, `{null:1}`, `{"id":1}{`, `{"id":1} x`,
	"{\"id\":\"a\nb\"}", "{\"id\":\"a\x00b\"}", "{\"id\":\x00}", "\x00", "{\"id\":1}\x00", "{\"id\":1\x00}", "{\"na\tme\":1}", "\ufeff{}", "{\"id\":1,\v\"name\":2}", "{\"id\":\u00a01}",
	`{"name":"\x"}`, `{"name":"\u12"}`, `{"name":"\u12g4"}`, `{"name":"\u"}`, `{"name":"\`, `{"name":"\"}`, `{"name":"\ud83d\u12"}`, "{\"name\":\"\x1f\"}", "{\"name\":\"12345678\x1f\"}",
	`{"x":[}`, `{"x":[1}`, `{"x":[1,]}`, `{"x":[,1]}`, `{"x":[1 2]}`, `{"x":{"a"}}`, `{"x":{"a":1,}}`, `{"x":{]}`, `{"x":[[[]}`, `{"roles":[1,]}`, `{"emails":[{},]}`, `{"emails":[{}{}]}`, `{"emails":[{]]}`,
	`{"contact":{"id":1},}`, `{"contact":{"id":1}`, `{"contact":{"id":1]}`, `{"contact_account":{"id":1,"x"}}`, `{"email_confidence":5 5}`, "{\"name\":\"\xe2\"", "{\"name\":\"\xe2",
	"{\"name\":\"a\xe2\x82\"}x", `{"id":1},`, `[{"id":1}`, `{"id":1}]`, `{"name":"a","name":"b",}`, `{"name":5,"name":x}`, `{"id":1,"contact":{"id":2,}}`,
}

// FuzzOnePass: a record is the same whether or not the JSON library checks it first.
func FuzzOnePass(f *testing.F) {
	addSamples(f, "contact.json", "person.json", "company.json", "message.json", "contacts_search.json")
	for _, broken := range brokenJSON {
		f.Add([]byte(broken))
	}
	f.Fuzz(func(t *testing.T, data []byte) { sameInOnePass(t, data) })
}

// sameInOnePass decodes data into each type of record, new and used.
func sameInOnePass(t tester, data []byte) {
	t.Helper()
	for _, typ := range append(recordTypes, reflect.TypeFor[Row]()) {
		got, want := reflect.New(typ).Interface(), reflect.New(typ).Interface()
		for _, before := range []string{"", `{"id":"7","name":"before","x":1,"emails":[{}]}`} {
			if before != "" {
				if wire.UnmarshalInTwoPasses([]byte(before), got) != nil || wire.UnmarshalInTwoPasses([]byte(before), want) != nil {
					t.Fatal("cannot decode ", before)
				}
			}
			err, wantErr := wire.UnmarshalRecord(data, got), wire.UnmarshalInTwoPasses(data, want)
			if fmt.Sprint(err) != fmt.Sprint(wantErr) {
				t.Fatalf("%q as %s: %v, in two passes %v", data, typ, err, wantErr)
			}
			if !reflect.DeepEqual(want, got) {
				diff := cmp.Diff(want, got)
				t.Fatalf("%q as %s, in two passes (-) and one (+):\n%s", data, typ, diff)
			}
		}
	}
}

// TestOnePass: the seeds of the fuzz targets, whole and cut short, and nested ever deeper.
func TestOnePass(t *testing.T) {
	t.Parallel()
	for _, text := range slices.Concat(oddJSON, brokenJSON) {
		t.Run("", func(t *testing.T) {
			t.Parallel()
			for end := len(text); end >= 0; end -= 1 + len(text)/8 {
				sameInOnePass(t, []byte(text[:end]))
			}
		})
	}
	for _, depth := range []int{1, 63, 64, 65, 66, 9_999, 10_000} {
		for kind, deep := range map[string]string{
			"lists":   strings.Repeat(`[`, depth) + strings.Repeat(`]`, depth),
			"objects": strings.Repeat(`{"a":`, depth) + "5" + strings.Repeat("}", depth),
		} {
			t.Run(fmt.Sprint(depth, " ", kind), func(t *testing.T) {
				t.Parallel()
				record := `{"id":1,"x":` + deep + "}"
				sameInOnePass(t, []byte(record))
				direct := sameInTwoPasses(t, []byte(`{"contacts":[{"id":1},`+record+`,{"id":2}]}`), []byte{255}, reflect.TypeFor[Contact](), true)
				if direct != (depth <= 64) {
					t.Errorf("read directly: %t", direct)
				}
			})
		}
	}
}

// TestDirect: lists and records as the API sends them are decoded in one pass.
func TestDirect(t *testing.T) {
	t.Parallel()
	contact := string(bytes.TrimSpace(sample(t, "contact.json")))
	for text, want := range map[string]bool{
		contact:                                      true,
		`{"contacts":[]}`:                            true,
		`{"contacts":[{}]}`:                          true,
		" {\n\"contacts\" : [ {} , {} ] }\n ":        true,
		`{"x":[1],"contacts":[{"id":1},{"id":2}]}`:   true,
		`{"contacts":[{"id":1},{"id":2}],"x":1}`:     false,
		`{"contact":{"id":1},"x":1}`:                 false,
		`{"contacts":[{"id":1},null,{"id":2}]}`:      false,
		`{"contacts":[null,{"id":1},null]}`:          false,
		`{"contacts":[null]}`:                        false,
		`{"contacts":{"7":{"id":1},"8":{"id":2}}}`:   false,
		`{"contacts":[{}],"contact":{"7":{"id":1}}}`: false,
		`{"contacts":[{"id":1},5]}`:                  false,
		`{"contacts":[{"id":1}],"contacts":[]}`:      false,
		`{"contact":{"id":1},"contacts":[{}]}`:       false,
		`{"contacts":[{"id":1}]}` + "\x00":           false,
		`{"contacts":[{"id":1,"name":"\ud800\n"}]}`:  true,
	} {
		if direct := sameInTwoPasses(t, []byte(text), nil, reflect.TypeFor[Contact](), false); direct != want {
			t.Errorf("%s: read directly: %t", text, direct)
		}
	}
	for cut := 0; cut < len(contact); cut += 7 {
		sameInTwoPasses(t, []byte(contact[:cut]), []byte{8}, reflect.TypeFor[Contact](), false)
	}
}

// TestDirectQuotes: an error quotes as much of a response as if the JSON library had read all of
// it.
func TestDirectQuotes(t *testing.T) {
	t.Parallel()
	for n := range 200 {
		text := `{"contacts":[{"id":1},{"name":"` + strings.Repeat("a", n) + `\udg00"}]}`
		sameInTwoPasses(t, []byte(text), nil, reflect.TypeFor[Contact](), false)
	}
}

// TestDirectPieces: records of any size, with any members in any order, however they arrive.
func TestDirectPieces(t *testing.T) {
	t.Parallel()
	names := []string{"id", "name", "first_name", "email_confidence", "contact_account", "created_at", "lists", "x", "y", "nam\\u0065", "contact"}
	short := rapid.SampledFrom([]string{`1`, `"a"`, `null`, `true`, `[1,"a"]`, `{"id":5,"x":1}`, `{}`, `[]`, `"\u0041\n"`, `-0.5e3`, `"é"`, "\"\xff\"", `"2021-01-19T17:06:25.730-05:00"`, `"5"`, "x"})
	values := rapid.OneOf(short, short, short, short, short, short, short, short, short, short, short, short, short, short, short, short,
		rapid.Custom(func(t *rapid.T) string {
			return `"` + strings.Repeat(rapid.SampledFrom([]string{"a", "\\\\", "ü"}).Draw(t, "text"), rapid.IntRange(0, 300).Draw(t, "length")) + `"`
		}),
		rapid.Custom(func(t *rapid.T) string { // longer than what is read at once
			return `"` + strings.Repeat("b", rapid.SampledFrom([]int{30_000, 70_000}).Draw(t, "length")) + `"`
		}),
	)
	rapid.Check(t, func(t *rapid.T) {
		record := rapid.Custom(func(t *rapid.T) string {
			var members []string
			for range rapid.IntRange(0, 8).Draw(t, "members") {
				members = append(members, `"`+rapid.SampledFrom(names).Draw(t, "name")+`":`+values.Draw(t, "value"))
			}
			return "{" + strings.Join(members, rapid.SampledFrom([]string{",", " , "}).Draw(t, "separator")) + "}"
		})
		list := `{"contacts":[` + strings.Join(rapid.SliceOfN(record, 0, 6).Draw(t, "records"), ",") + "]}"
		least := byte(0)
		if len(list) > 4096 { // the decoder copies what it has with each piece of a long record
			least = 40
		}
		sizes := rapid.SliceOfN(rapid.ByteMin(least), 0, 4).Draw(t, "sizes")
		sameInTwoPasses(t, []byte(list), sizes, reflect.TypeFor[Contact](), rapid.Bool().Draw(t, "list"))
	})
}
