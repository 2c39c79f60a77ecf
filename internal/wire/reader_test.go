package wire_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"

	"github.com/growthgenius/growthgenius-go/internal/errs"
	"github.com/growthgenius/growthgenius-go/internal/wire"
)

var contactEnvelope = wire.Envelope{Singular: "contact", Plural: "contacts"}

// readAll reads all records of a response.
func readAll[T any](r *wire.Reader) ([]T, error) {
	got := []T{}
	for {
		var v T
		ok, err := r.Next(func() any { return &v })
		if !ok || err != nil {
			return got, err
		}
		got = append(got, v)
	}
}

// eachReader calls fn with a Reader of the body in memory, and with streams that deliver it
// in pieces.
func eachReader(t *testing.T, body string, fn func(t *testing.T, r *wire.Reader, strays *wire.Strays)) {
	t.Helper()
	t.Run("memory", func(t *testing.T) {
		t.Parallel()
		var strays wire.Strays
		data := []byte(body)
		r := wire.NewReader(data, contactEnvelope, strays.Add)
		defer r.Done()
		fn(t, r, &strays)
	})
	for name, pieces := range map[string]func(io.Reader) io.Reader{
		"stream": iotest.DataErrReader, "bytes": iotest.OneByteReader, "halves": iotest.HalfReader,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var strays wire.Strays
			r := wire.NewStream(pieces(strings.NewReader(body)), contactEnvelope, strays.Add, func(int64) {})
			defer r.Done() // which does nothing
			fn(t, r, &strays)
		})
	}
}

// TestEnvelopes: every way in which records may stand in a response.
func TestEnvelopes(t *testing.T) {
	t.Parallel()
	const one, two = `{"id":1,"email":"a@example.com"}`, `{"id":2,"title":5}`
	first := Contact{ID: "1", Email: "a@example.com"}
	second := Contact{ID: "2", Title: "5", Extra: extra{"title": raw("5")}}
	for _, tt := range []struct {
		name, body string
		want       []Contact
		strays     string
	}{
		{"flat", `{"contacts":[` + one + `,` + two + `]}`, []Contact{first, second}, ""},
		{"wrapped", `{"contacts":[{"contact":` + one + `},{"contact":` + two + `}]}`, []Contact{first, second}, ""},
		{"mixed, with blanks", " {\n \"contacts\" : [ " + two + " ,\t{\"contact\" : " + two + " } , " + one + " ] } \n", []Contact{second, second, first}, ""},
		{"singular", `{"contact":` + one + `}`, []Contact{first}, ""},
		{"singular list", `{"contact":[` + one + `,` + two + `]}`, []Contact{first, second}, ""},
		{"plural object", `{"contacts":` + one + `}`, []Contact{first}, ""},
		{"plural object, wrapped", `{"contacts":{"contact":` + two + `}}`, []Contact{second}, ""},
		{"empty", `{"contacts":[]}`, []Contact{}, ""},
		{"keys before and after", `{"meta":{"contacts":[1]},"contacts":[` + one + `],"next":null,"x":[[]]}`, []Contact{first},
			"the response.meta is unknown (an object), the response.next is unknown (null), the response.x is unknown (an array)"},
		{"null among them", `{"contacts":[null,` + one + `,null]}`, []Contact{first}, "the response.contacts[] is unknown (null)"},
		{"nothing but null", `{"contact":[null]}`, []Contact{}, "the response.contact[] is unknown (null)"},
		{"both keys", `{"contact":` + one + `,"contacts":[` + two + `]}`, []Contact{first, second}, ""},
		{"a key twice", `{"contacts":[` + one + `],"contacts":[` + two + `]}`, []Contact{first, second}, ""},
		{"an escaped key", `{"c\u006fntacts":[` + one + `]}`, []Contact{first}, ""},
		{"odd all over", `{"contacts":[{"id":1,"title":[{"a":"}"}],"contact_account":"]","email":"a@example.com"},` + two + `]}`, []Contact{
			{ID: "1", Email: "a@example.com", Extra: extra{"title": raw(`[{"a":"}"}]`), "contact_account": raw(`"]"`)}}, second,
		}, ""},
		{"complete by its own words", `{"pagination":{"total_entries":2},"contacts":[` + one + `,` + two + `],"partial_results_only":false}`, []Contact{first, second},
			"the response.pagination is unknown (an object), the response.partial_results_only is unknown (a boolean)"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			eachReader(t, tt.body, func(t *testing.T, r *wire.Reader, strays *wire.Strays) {
				got, err := readAll[Contact](r)
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(tt.want, got); diff != "" {
					t.Errorf("(-want +got):\n%s", diff)
				}
				var texts []string
				for _, o := range *strays {
					texts = append(texts, o.String())
				}
				if text := strings.Join(texts, ", "); text != tt.strays {
					t.Errorf("the strays are %s, want %s", text, tt.strays)
				}
			})
		})
	}
}

// TestRowsOfAReader: maps are read from the same envelopes, by the same code.
func TestRowsOfAReader(t *testing.T) {
	t.Parallel()
	const body = `{"x":1,"contacts":[{"id":1,"title":5},null,{"contact":{"id":"a"}},{"contact":{"id":2},"y":{}}]}`
	want := []Row{{"id": raw("1"), "title": raw("5")}, {"id": raw(`"a"`)}, {"contact": raw(`{"id":2}`), "y": raw("{}")}}
	eachReader(t, body, func(t *testing.T, r *wire.Reader, _ *wire.Strays) {
		got, err := readAll[Row](r)
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("%v\n%s", err, diff)
		}
	})
}

// TestUnusableResponses: a response that is not what a call expects is never taken for a list,
// and the error says what came, but no name from the response.
func TestUnusableResponses(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, body, want string }{
		{"empty", ``, "EOF"},
		{"blank", " \n", "EOF"},
		{"null", `null`, `the response is null, not an object with "contact" or "contacts"`},
		{"a list", `[{"id":1}]`, "the response is an array, not an object"},
		{"text", `"OK"`, "the response is text, not an object"},
		{"a number", `5`, "the response is a number, not an object"},
		{"HTML", `<html>`, "invalid character '<'"},
		{"no envelope", `{}`, `the response has no "contact" or "contacts"`},
		{"another envelope", `{"deals":[{"id":1}]}`, "the response has no"},
		{"null envelope", `{"contacts":null}`, `"contacts" is null`},
		{"text envelope", `{"contact":"x"}`, `"contact" is text`},
		{"list of text", `{"contacts":["x"]}`, "an element is text, not an object"},
		{"list of lists", `{"contacts":[[]]}`, "an element is an array, not an object"},
		{"something after it", `{"contacts":[]} {}`, "something follows the JSON value"},
		{"something odd after it", `{"contacts":[]}]`, "invalid character ']'"},
		{"cut in a list", `{"contacts":[{"id":1},`, "unexpected EOF"},
		{"cut in a record", `{"contacts":[{"id":1},{"id"`, "unexpected EOF"},
		{"cut in the envelope", `{"contacts":[]`, "unexpected EOF"},
		{"broken inside", `{"contacts":[{"SECRET":{"a" 5}}]}`, "invalid character '5' after object name"},
		{"broken beside", `{"SECRET":{"a" 5},"contacts":[]}`, "invalid character '5' after object name"},
		{"broken pagination", `{"pagination":{"SECRET" 5},"contacts":[]}`, "invalid character '5' after object name"},
		{"too deep", strings.Repeat(`{"contact":`, 1e5), "exceeded max depth"},
		{"too deep beside the envelope", `{"x":` + strings.Repeat(`[`, 1e5), "exceeded max depth"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			eachReader(t, tt.body, func(t *testing.T, r *wire.Reader, _ *wire.Strays) {
				_, err := readAll[Contact](r)
				if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "SECRET") || errors.Is(err, errs.ErrPartialResults) {
					t.Errorf("%v, want %s", err, tt.want)
				}
			})
		})
	}
}

// TestCutAnywhere: a response that ends too early is never taken for a complete one.
func TestCutAnywhere(t *testing.T) {
	t.Parallel()
	whole := strings.TrimSpace(string(sample(t, "contacts.json")))
	for cut := range len(whole) + 1 {
		r := wire.NewReader([]byte(whole[:cut]), contactEnvelope, noStray)
		_, err := readAll[Contact](r)
		r.Done()
		_, streamErr := readAll[Contact](wire.NewStream(strings.NewReader(whole[:cut]), contactEnvelope, noStray, func(int64) {}))
		if (err == nil) != (cut == len(whole)) || (streamErr == nil) != (cut == len(whole)) {
			t.Fatalf("cut at %d of %d: %v, %v", cut, len(whole), err, streamErr)
		}
	}
}

// TestIncompleteLists: a list that says that it is incomplete is never taken for a complete one,
// wherever and in whatever type it says so.
func TestIncompleteLists(t *testing.T) {
	t.Parallel()
	for beside, incomplete := range map[string]bool{
		`"partial_results_only":true`: true, `"partial_results_only":false`: false, `"partial_results_only":null`: false, `"partial_results_only":"true"`: false,
		`"pagination":{"total_entries":3}`: true, `"pagination":{"page":9,"total_entries":2,"per_page":9}`: false, `"pagination":{"total_entries":1}`: false,
		`"pagination":{"total_entries":"3"}`: true, `"pagination":{"total_entries":3.0}`: true, `"pagination":{"total_\u0065ntries":3}`: true,
		`"pagination":{"total_entries":3.5}`: false, `"pagination":{"total_entries":"+3"}`: false, `"pagination":{"total_entries":[3]}`: false,
		`"pagination":{"total_entries":null}`: false, `"pagination":{"total_entries":true}`: false, `"pagination":{"x":{"total_entries":3}}`: false,
		`"pagination":{"total_entries":3,"total_entries":2}`: false, `"pagination":{"total_entries":2,"total_entries":3}`: true,
		`"pagination":{"total_entries":3,"total_entries":"x"}`: false, `"pagination" : { "total_entries" : 3 } `: true,
		`"pagination":[{"total_entries":3}]`: false, `"pagination":3`: false, `"pagination":null`: false, `"pagination":{}`: false, `"total_entries":3`: false,
	} {
		const list = `"contacts":[{"id":1},null]`
		for _, body := range []string{`{` + beside + `,` + list + `}`, `{` + list + `,` + beside + `}`} {
			eachReader(t, body, func(t *testing.T, r *wire.Reader, _ *wire.Strays) {
				got, err := readAll[Contact](r)
				if incomplete != (err != nil) || incomplete != errors.Is(err, errs.ErrPartialResults) || len(got) != 1 {
					t.Errorf("%s: %d contacts, %v", body, len(got), err)
				}
			})
		}
		// A record that stands alone is not a list.
		eachReader(t, `{`+beside+`,"contact":{"id":1}}`, func(t *testing.T, r *wire.Reader, _ *wire.Strays) {
			if _, err := readAll[Contact](r); err != nil {
				t.Errorf("%s: %v", beside, err)
			}
		})
	}
	r := wire.NewReader([]byte(`{"pagination":{"total_entries":3},"contacts":[{}]}`), contactEnvelope, noStray)
	t.Cleanup(r.Done)
	_, err := readAll[Contact](r)
	if want := "partial results: the response says that it holds 1 of 3 records: request a shorter period"; err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
}

// TestOffsets: begin is called where each element begins, and Offset is where the last ended.
func TestOffsets(t *testing.T) {
	t.Parallel()
	const body = `{"x":1,"contacts":[{"id":1}, null,{"id":2}],"y":2}`
	var begun int64
	r := wire.NewStream(iotest.OneByteReader(strings.NewReader(body)), contactEnvelope, noStray, func(offset int64) { begun = offset })
	var got []string
	for {
		var c Contact
		ok, err := r.Next(func() any { return &c })
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, body[begun:r.Offset()])
		if !ok {
			break
		}
	}
	if want := []string{`{"id":1}`, `,{"id":2}`, `}`}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

// TestTaken: what a record takes in memory beside its fields.
func TestTaken(t *testing.T) {
	t.Parallel()
	r := wire.NewReader([]byte(`{"contacts":[{"id":1},{"x":1},{"contact_account":{}},{"id":2}]}`), contactEnvelope, noStray)
	defer r.Done()
	var got []bool
	for {
		ok, err := r.Next(func() any { return new(Contact) })
		if err != nil {
			t.Fatal(err)
		}
		if !ok {
			break
		}
		got = append(got, r.Taken() > 0)
	}
	if want := []bool{false, true, true, false}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

// TestUnreadID: the id of a record that did not arrive completely, if that has arrived.
func TestUnreadID(t *testing.T) {
	t.Parallel()
	for part, want := range map[string]wire.ID{
		`{"id":7,"name":"`: "7", `{"name":{"id":5},"id":"a\u0062","x":[`: "ab", `{"\u0069d":8,`: "8",
		`{"id":7`: "", `{"id":`: "", `{"id"`: "", `{`: "", ``: "", `{"name":"x"`: "", `{"id":{"id":1},"x":`: "", `{"id":[5],`: "", `{"x":1}`: "", `{"id":null,"id":5,`: "", `[{"id":1},`: "",
	} {
		for _, before := range []string{"", `{"id":1},`, "{\"id\":1} ,\n "} {
			// The stream fails where the response was cut.
			from := io.MultiReader(strings.NewReader(`{"contacts":[`+before+part), iotest.ErrReader(errors.New("cut")))
			r := wire.NewStream(from, contactEnvelope, noStray, func(int64) {})
			if _, err := readAll[Contact](r); err == nil {
				if part != `{"x":1}` {
					t.Fatalf("%s%s: no error", before, part)
				}
			}
			if got := r.UnreadID(); got != want {
				t.Errorf("%s%s: %q, want %q", before, part, got, want)
			}
		}
	}
}

// TestReadersShareNothing: what one Reader has decoded stays, whatever becomes of its body and
// of the decoder.
func TestReadersShareNothing(t *testing.T) {
	t.Parallel()
	read := func(n int) []Contact {
		body := []byte(fmt.Sprintf(`{"contacts":[{"id":%[1]d,"name":"name %[1]d","title":5,"lists":["%[1]d"],"x%[1]d":[%[1]d]}]}`, n))
		r := wire.NewReader(body, contactEnvelope, noStray)
		got, err := readAll[Contact](r)
		if err != nil {
			t.Error(err)
		}
		r.Done()
		copy(body, bytes.Repeat([]byte("#"), len(body)))
		return got
	}
	var all []Contact
	for n := range 100 {
		all = append(all, read(n)...)
	}
	for n, c := range all {
		want := Contact{
			ID: ID(fmt.Sprint(n)), Name: fmt.Sprintf("name %d", n), Title: "5", Lists: raw(fmt.Sprintf(`["%d"]`, n)),
			Extra: extra{"title": raw("5"), fmt.Sprintf("x%d", n): raw(fmt.Sprintf("[%d]", n))},
		}
		if diff := cmp.Diff(want, c); diff != "" {
			t.Fatal(diff)
		}
	}
}

// TestNextAllocates is not parallel: it counts the allocations of the process. A record costs
// what is in it, and nothing more.
func TestNextAllocates(t *testing.T) { //nolint:paralleltest // see above
	body := []byte(`{"contacts":[` + strings.Repeat(`{"id":1},`, 999) + `{}]}`)
	var c Contact
	into := func() any { return &c }
	allocs := testing.AllocsPerRun(20, func() {
		r := wire.NewReader(body, contactEnvelope, noStray)
		defer r.Done()
		for {
			if ok, err := r.Next(into); err != nil || !ok {
				break
			}
		}
	})
	// The ids share blocks of 256 bytes: 999 bytes take 4.
	if allocs > 30 {
		t.Errorf("%v allocations for 1000 records", allocs)
	}
	if got := mustJSON(t, c); got != "{}" {
		t.Errorf("the last record is %s", got)
	}
}
