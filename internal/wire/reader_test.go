package wire_test

import (
	"bytes"
	"encoding/json"
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
		{"too deep", strings.Repeat(`{"contact":`, 11_000), "exceeded max depth"},
		{"too deep beside the envelope", `{"x":` + strings.Repeat(`[`, 11_000), "exceeded max depth"},
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
		`"partial_results_only":true`: true, `"partial_results_only":false`: false, `"partial_results_only":null`: false, `"partial_results_only":"true"`: true,
		`"pagination":{"total_entries":3}`: true, `"pagination":{"page":9,"total_entries":2,"per_page":9}`: false, `"pagination":{"total_entries":1}`: false,
		`"pagination":{"total_entries":"3"}`: true, `"pagination":{"total_entries":3.0}`: true, `"pagination":{"total_\u0065ntries":3}`: true,
		`"pagination":{"total_entries":3.5}`: false, `"pagination":{"total_entries":"+3"}`: false, `"pagination":{"total_entries":[3]}`: false,
		`"pagination":{"total_entries":null}`: false, `"pagination":{"total_entries":true}`: false, `"pagination":{"x":{"total_entries":3}}`: false,
		`"pagination":{"total_entries":3,"total_entries":2}`: false, `"pagination":{"total_entries":2,"total_entries":3}`: true,
		`"pagination":{"total_entries":3,"total_entries":"x"}`: false, `"pagination" : { "total_entries" : 3 } `: true,
		`"pagination":3`: false, `"pagination":null`: false, `"pagination":{}`: false,
		`"total_entries":3`: true, `"total":2`: false, `"TotalCount":250`: true, `"total":{"value":9,"relation":"eq"}`: true, `"total":{"value":2}`: false, `"total":{"relation":"gte","value":10000}`: true, `"hits":{"total":{"value":9}}`: false, `"meta":{"total":1,"pages":{"total_results":3}}`: true, `"meta":{"page":{"totalElements":3}}`: true,
		`"total":5,"total_entries":2`: true, `"x":{"total":5}`: false, `"count":250`: true, `"count":2`: false, `"totalSize":"1,250"`: true, `"record_count":3`: true,
		`"info":{"per_page":2,"count":2,"page":1,"more_records":true}`: true, `"info":{"count":2,"more_records":false}`: false,
		`"additional_data":{"pagination":{"start":0,"limit":2,"more_items_in_collection":true}}`: true, `"pages":{"type":"pages","page":1,"total_pages":2}`: true,
		`"pages":{"next":null,"page":1,"per_page":50,"total_pages":1}`: false, `"pages":[2]`: false, `"next_offset":-1`: false, `"next_offset":2`: true,
		`"last":false`: true, `"last":true`: false, `"last":0`: false, `"last":"/contacts?page=1"`: false, `"first":false`: true, `"first":true`: false, `"first":1`: false, `"is_first_page":false`: true,
		`"page":2`: true, `"page":"3"`: true, `"page":1`: false, `"page":0`: false, `"page":null`: false, `"meta":{"current_page":2}`: true, `"page":{"number":0}`: false,
		`"page":9,"total":2`: false, `"page":9,"total":3`: true, `"page":9,"total":null`: true, `"page":9,"total":"many"`: true,
		`"offset":100`: true, `"offset":0`: false, `"offset":"itr7"`: true, `"offset":"0"`: false, `"pagination":{"start":50}`: true, `"skip":1`: true, `"startIndex":1`: false, `"startIndex":101`: true,
		`"cursor":"abc"`: true, `"cursor":""`: false, `"cursor":null`: false, `"cursor":{"next":null}`: false, `"cursor":{"next":"a"}`: true,
		`"continuationToken":"a"`: true, `"continuation_token":null`: false, `"timed_out":true`: true, `"timed_out":false`: false, `"limit_reached":true`: true, `"end_of_list":false`: true,
		`"has_more":true`: true, `"has_more":false`: false, `"hasMore":1`: true, `"has_more":"no"`: false, `"has_more":null`: false, `"more":true`: true, `"truncated":true`: true, `"is_truncated":false`: false,
		`"done":false`: true, `"done":true`: false, `"paging":{"isLast":false}`: true,
		`"next":"/contacts?page=2"`: true, `"next":null`: false, `"next":""`: false, `"next":false`: false, `"next":0`: false, `"next_page":2`: true, `"nextCursor":"a"`: true, `"next_page_url":[]`: false,
		`"next":{}`: false, `"next":{"href":""}`: false, `"next":{"href":"/2"}`: true, `"next":[[0,null,false,""],{"a":{"b":[]}}]`: false, `"next":[{"a":[1]}]`: true, `"@odata.nextLink":"x"`: true,
		`"next_sync_token":"a"`: false, `"nextext":null`: false, `"nex":1`: false,
		`"_links":{"self":{"href":"x"},"next":{"href":"y"}}`: true, `"links":{"next":null}`: false, `"links":[{"rel":"self"},{"href":"y","rel":"Next"}]`: true, `"links":["next"]`: false,
		`"total_pages":2`: true, `"pagination":{"page":1,"total_pages":1}`: false, `"pagination":{"page":1,"total_pages":3}`: true, `"last_page":"2"`: true, `"last_page":true`: false,
		`"success":false`: true, `"success":true`: false, `"success":null`: false, `"ok":0`: true, `"status":"error"`: true, `"status":"ok"`: false, `"status":200`: false,
		`"status":500`: true, `"statusCode":"503"`: true, `"code":429`: true, `"code":0`: false, `"code":600`: false, `"status":"partial"`: true, `"succeeded":false`: true, `"has_errors":true`: true, `"has_errors":false`: false, `"fault":{"faultstring":"x"}`: true,
		`"error":"timeout"`: true, `"error":""`: false, `"error":null`: false, `"error":false`: false, `"error":{"code":0,"message":null}`: false, `"error":{"code":7}`: true,
		`"errors":[]`: false, `"errors":{}`: false, `"errors":[{}]`: false, `"errors":["shard 3"]`: true, `"errors":{"email":["is invalid"]}`: true, `"meta":{"error":"x"}`: true,
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

// TestErrorBesideNothing: a response that reports an error and has no records is not an empty
// list, and not a part of one. The error quotes nothing of it.
func TestErrorBesideNothing(t *testing.T) {
	t.Parallel()
	for _, body := range []string{`{"contacts":[],"error":"SECRET"}`, `{"errors":{"SECRET":"x"},"contacts":[]}`, `{"success":false,"contacts":[]}`, `{"contacts":[],"has_more":true,"total":9,"error":1}`} {
		eachReader(t, body, func(t *testing.T, r *wire.Reader, _ *wire.Strays) {
			_, err := readAll[Contact](r)
			if err == nil || errors.Is(err, errs.ErrPartialResults) || err.Error() != "the response reports an error, and has no records" {
				t.Errorf("%s: %v", body, err)
			}
		})
	}
	for member, want := range map[string]bool{`"error":"x"`: true, `"errors":[]`: false, `"x":"y"`: false, `"success":false`: true, `"pagination":{"total_pages":2}`: false} {
		beside := map[string]json.RawMessage{}
		if err := json.Unmarshal([]byte("{"+member+"}"), &beside); err != nil || wire.Failed(beside) != want {
			t.Errorf("%s: %v", member, err)
		}
	}
}

// TestDoubtful: members beside a list, and what stands in place of it, may raise doubts about
// whether the list has all records, without saying that it has not.
func TestDoubtful(t *testing.T) {
	t.Parallel()
	for body, doubtful := range map[string]bool{
		`{"contacts":[]}`: false, `{"contacts":[{"id":1}]}`: false, `{"contacts":[null]}`: true, `{"contact":[]}`: true, `{"contact":[{"id":1}]}`: true, `{"contact":{"id":1}}`: false,
		`{"contacts":[],"code":0}`: false, `{"contacts":[],"code":"200"}`: false, `{"contacts":[],"code":"OK"}`: false, `{"contacts":[],"code":null}`: false, `{"contacts":[],"code":1001}`: true, `{"contacts":[],"code":"quota"}`: true,
		`{"contacts":[],"status":"ok"}`: false, `{"contacts":[],"status":201}`: false, `{"contacts":[],"status":"timeout"}`: true, `{"contacts":[],"status":302}`: true, `{"contacts":[],"status":true}`: false, `{"contacts":[],"status":false}`: true,
		`{"contacts":[],"errors":[]}`: false, `{"contacts":[],"errors":[{}]}`: true, `{"contacts":[],"errors":[null]}`: true, `{"contacts":[],"error":{"code":0,"message":null}}`: false,
		`{"contacts":[],"warning":null}`: false, `{"contacts":[],"warnings":[]}`: false, `{"contacts":[],"warning":false}`: false, `{"contacts":[],"warnings":["x"]}`: true, `{"contacts":[],"meta":{"warning":"x"}}`: true,
		`{"message":"Success","contacts":[]}`: false, `{"message":"query timed out","contacts":[]}`: true, `{"contacts":[],"detail":{}}`: false, `{"contacts":[],"_shards":{"total":5,"failed":1}}`: true, `{"contacts":[],"degraded":true}`: true,
		`{"contacts":[],"remaining":0}`: false, `{"contacts":[],"remaining":3}`: true, `{"contacts":[],"remaining":"3"}`: true, `{"contacts":[],"meta":{"remaining":3}}`: true,
		`{"contacts":[],"request_id":"x","limit":100,"from":"2024-01-01","pagination":{"page":1,"per_page":100}}`: false,
	} {
		eachReader(t, body, func(t *testing.T, r *wire.Reader, _ *wire.Strays) {
			r.ExpectList(0, false, "")
			if _, err := readAll[Contact](r); err != nil || r.Doubtful() != doubtful {
				t.Errorf("%s: %t, %v", body, r.Doubtful(), err)
			}
		})
	}
}

// TestExpectList: if a list is due, what the response says of itself counts for a single
// record too, and so does its head.
func TestExpectList(t *testing.T) {
	t.Parallel()
	const one, none = `{"contact":{"id":1}}`, `{"contacts":[]}`
	for _, tt := range []struct {
		body    string
		total   int
		partial bool
		page    string
		want    string // in the error
	}{
		{one, 0, false, "", ""}, {one, 1, false, "", ""}, {one, 2, false, "", "1 of 2"}, {one, 0, true, "", "not complete"},
		{`{"contact":{"id":1},"has_more":true}`, 0, false, "", "not complete"}, {`{"contacts":[],"total":0}`, 0, true, "", "not complete"}, {`{"contacts":[],"total":2}`, 1, false, "", "0 of 2"},
		{`{"contacts":[],"page":3,"count":0}`, 0, false, "", "not complete"}, {`{"contacts":[],"page":3,"total":0}`, 0, false, "", "not complete"},
		{`{"contact":{"id":1},"page":2}`, 1, false, "", ""}, {`{"contact":{"id":1},"page":2,"count":1}`, 0, false, "", "not complete"}, {`{"contact":{"id":1},"page":2,"total_count":1}`, 0, false, "", ""},
		{none, 0, false, `{"TotalCount":250,"PageSize":100,"CurrentPage":1,"TotalPages":3,"HasNext":true}`, "0 of 250"}, {none, 0, false, `{"currentPage":2}`, "not complete"},
		{none, 0, false, ` {"totalCount":0,"hasNext":false} `, ""}, {none, 0, false, "page=1", ""}, {none, 0, false, `{"totalCount":2`, ""}, {none, 0, false, `[{"totalCount":2}]`, ""},
	} {
		eachReader(t, tt.body, func(t *testing.T, r *wire.Reader, _ *wire.Strays) {
			r.ExpectList(tt.total, tt.partial, tt.page)
			_, err := readAll[Contact](r)
			if (err != nil) != (tt.want != "") || err != nil && (!errors.Is(err, errs.ErrPartialResults) || !strings.Contains(err.Error(), tt.want)) {
				t.Errorf("%s: %v", tt.body, err)
			}
		})
	}
}

// TestKeyedLists: a list may be an object whose keys are ids or numbers. A single record is
// not taken for one, nor an empty object for a list.
func TestKeyedLists(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, body string
		due        bool // a list
		ids, want  string
		strays     int
	}{
		{"by number", `{"contacts":{"0":{"id":5},"1":{"id":6}}}`, true, "56", "", 0},
		{"by id", `{"contacts":{"183":{"id":183,"name":{"0":{}}},"184":{"id":184}}}`, true, "183184", "", 0},
		{"by UUID", `{"contacts":{"d54c54ad-40be-4305-8a34-0ab44710b90d":{"id":"a"},"e0e0e0":{"id":"b"}}}`, true, "ab", "", 0},
		{"with blanks", "{ \"contacts\" : { \"0\" :\n{ \"id\" : 5 } , \"\\u0031\" : {\"id\":6} } , \"x\" : 1 } ", true, "56", "", 1},
		{"wrapped", `{"contacts":{"0":{"contact":{"id":5}},"1":{"contact":{"id":6}}}}`, true, "56", "", 0},
		{"under the singular", `{"contact":{"0":{"id":5},"1":{"id":6}}}`, true, "56", "", 0},
		{"without an envelope", `{"0":{"id":5},"1":{"contact":{"id":6}},"total":2}`, true, "56", "", 1},
		{"without an envelope, and not whole", `{"0":{"id":5},"1":{"id":6},"total":3}`, true, "56", "2 of 3", 1},
		{"with nulls", `{"contacts":{"0":{"id":5},"1":null}}`, true, "5", "", 1},
		{"and not whole", `{"contacts":{"0":{"id":5}},"has_more":true}`, true, "5", "not complete", 1},
		{"and not whole by its own words", `{"contacts":{"0":{"id":5},"total":2,"meta":{}}}`, true, "5", "1 of 2", 2},
		{"where a record is due", `{"contacts":{"0":{"id":5}}}`, false, "5", "", 0},
		{"a record", `{"contacts":{"id":5,"contact_account":{"id":"1"}}}`, true, "5", "", 0},
		{"a record in another order", `{"contacts":{"contact_account":{"id":"1"},"id":5,"0":{"id":6}}}`, true, "5", "", 0},
		{"a wrapped record", `{"contacts":{"contact":{"id":5}}}`, true, "5", "", 0},
		{"a record alone", `{"contact":{"contact_account":{"id":"1"},"id":5}}`, true, "5", "", 0},
		{"empty", `{"contacts":{}}`, true, "", `"contacts" is an empty object`, 0},
		{"empty, alone", `{"contact":{ }}`, true, "", `"contact" is an empty object`, 0},
		{"empty, without an envelope", `{}`, true, "", `has no "contact" or "contacts"`, 0},
		{"an element of text", `{"contacts":{"0":{"id":5},"1":"x"}}`, true, "5", "an element is text, not an object", 0},
		{"cut", `{"contacts":{"0":{"id":5},"1"`, true, "5", "unexpected EOF", 0},
		{"cut at the beginning", `{"contacts":{`, true, "", "unexpected EOF", 0},
		{"cut in a record", `{"contacts":{"id":5`, true, "", "unexpected EOF", 0},
	} {
		eachReader(t, tt.body, func(t *testing.T, r *wire.Reader, strays *wire.Strays) {
			if tt.due {
				r.ExpectList(0, false, "")
			}
			got, err := readAll[Contact](r)
			ids := ""
			for _, c := range got {
				ids += string(c.ID)
			}
			if ids != tt.ids || len(*strays) != tt.strays || (err != nil) != (tt.want != "") || err != nil && !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%s: %q, %v, %v", tt.name, ids, *strays, err)
			}
		})
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
	// The ids share blocks of 512 bytes: 999 bytes take 2.
	if allocs > 10 {
		t.Errorf("%v allocations for 1000 records", allocs)
	}
	if got := mustJSON(t, c); got != "{}" {
		t.Errorf("the last record is %s", got)
	}
}
