package test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/growthgenius/growthgenius-go"
	"github.com/growthgenius/growthgenius-go/growthgeniustest"
	"github.com/growthgenius/growthgenius-go/internal/testkit"
)

// broken returns a body that ends with an error.
func broken(body string, err error) io.Reader {
	return io.MultiReader(strings.NewReader(body), iotest.ErrReader(err))
}

// pieces are the ways in which a body may arrive.
var pieces = map[string]func(io.Reader) io.Reader{
	"at once":          func(r io.Reader) io.Reader { return r },
	"with the end":     iotest.DataErrReader,
	"by halves":        iotest.HalfReader,
	"a byte at a time": iotest.OneByteReader,
}

// TestStreamAsItArrives: the server sends an element only once the client has the one
// before, over a real connection, compressed or not.
func TestStreamAsItArrives(t *testing.T) {
	t.Parallel()
	const elements = 3
	for _, zipped := range []bool{false, true} {
		has := make(chan growthgenius.ID, elements)
		c, _ := serve(t, func(w http.ResponseWriter, r *http.Request) {
			var out io.Writer = w
			flush := http.NewResponseController(w).Flush
			if zipped {
				w.Header().Set("Content-Encoding", "gzip")
				zip := gzip.NewWriter(w)
				defer zip.Close()
				out, flush = zip, func() error { return errors.Join(zip.Flush(), http.NewResponseController(w).Flush()) }
			}
			_, _ = io.WriteString(out, `{"contacts":[{"id":0}`)
			for i := range elements {
				_ = flush()
				select {
				case id := <-has:
					if id != growthgenius.IntID(int64(i)) {
						t.Errorf("the client has %s, not %d", id, i)
					}
				case <-r.Context().Done():
					return
				}
				if i+1 < elements {
					fmt.Fprintf(out, `,{"id":%d}`, i+1)
				}
			}
			_, _ = io.WriteString(out, "]}")
		}, growthgenius.WithAttemptTimeout(5*time.Second))
		n := 0
		for contact, err := range c.Contacts.Stream(t.Context(), testkit.Everything) {
			if err != nil {
				t.Fatalf("gzip %v: %v", zipped, err)
			}
			has <- contact.ID
			n++
		}
		if n != elements {
			t.Errorf("gzip %v: %d elements", zipped, n)
		}
	}
}

// TestStreamEnvelopes: Stream finds the records wherever List does, and refuses what List
// refuses, after the records that come before it.
func TestStreamEnvelopes(t *testing.T) {
	t.Parallel()
	big := strings.Repeat(`[{"contacts":[{"id":9}]},"\u2028]}"],`, 5000)
	strays := `"a":null,"b":true,"c":-1.5e3,"d":"contacts","e":[{"contacts":[{"id":9}]}],"f":{"contact":{"id":9}},"g":[` + big + `0],"contact_s":{}`
	for name, tt := range map[string]struct {
		body string
		ids  string
		bad  bool
	}{
		"empty":                  {`{"contacts":[]}`, "", false},
		"one":                    {`{"contact":{"id":1}}`, "1", false},
		"one as many":            {`{"contacts":{"id":1}}`, "1", false},
		"many as one":            {`{"contact":[{"id":1},{"id":2}]}`, "12", false},
		"flat":                   {`{"contacts":[{"id":1},{"id":2}]}`, "12", false},
		"wrapped":                {`{"contacts":[{"contact":{"id":1}},{"id":2},{"contact":{"id":3},"x":1}]}`, "123", false},
		"strays before":          {`{` + strays + `,"contacts":[{"id":1}]}`, "1", false},
		"strays behind":          {`{"contacts":[{"id":1}],` + strays + `}`, "1", false},
		"both":                   {`{"contact":{"id":1},"contacts":[{"id":2}],"contact":{"id":3},"contacts":[]}`, "123", false},
		"null elements":          {`{"contacts":[null,{"id":1},null,null,{"id":2},null]}`, "12", false},
		"null elements alone":    {`{"contacts":[null]}`, "", false},
		"blanks":                 {" {\r\n\t\"contacts\" : [ {\n\"id\":2} , { \"id\" : 1 } ] } \n\n", "21", false},
		"no envelope":            {`{}`, "", true},
		"another envelope":       {`{"messages":[{"id":1}],"message":{"id":2}}`, "", true},
		"a bare list":            {`[{"id":1}]`, "", true},
		"a bare record":          {`{"id":1}`, "", true},
		"null":                   {`null`, "", true},
		"a number":               {`5`, "", true},
		"nothing":                {"", "", true},
		"blanks alone":           {" \n ", "", true},
		"a page":                 {"<!DOCTYPE html><html><body>{\"contacts\":[]}</body></html>", "", true},
		"an error":               {`{"error":{"message":"no luck"}}`, "", true},
		"a byte order mark":      {"\ufeff{\"contacts\":[]}", "", false},
		"a null list":            {`{"contacts":null}`, "", true},
		"a text list":            {`{"contacts":"[]"}`, "", true},
		"a number as an element": {`{"contacts":[{"id":1},5,{"id":2}]}`, "1", true},
		"a list as an element":   {`{"contacts":[{"id":1},[{"id":2}]]}`, "1", true},
		"an odd comma":           {`{"contacts":[{"id":1},]}`, "1", true},
		"a missing comma":        {`{"contacts":[{"id":1}{"id":2}]}`, "1", true},
		"an open list":           {`{"contacts":[{"id":1}`, "1", true},
		"an open envelope":       {`{"contacts":[{"id":1}]`, "1", true},
		"garbage behind":         {`{"contacts":[{"id":1}]} x`, "1", true},
		"a page behind":          {`{"contacts":[{"id":1}]}<html>`, "1", true},
		"another answer behind":  {`{"contacts":[{"id":1}]}{"contacts":[{"id":2}]}`, "1", true},
		"a bracket too many":     {`{"contacts":[{"id":1}]]}`, "1", true},
		"broken strays behind":   {`{"contacts":[{"id":1}],"x":{"y":]}}`, "1", true},
		"a control character":    {"{\"contacts\":[{\"id\":1},{\"name\":\"\x01\"}]}", "1", true},
	} {
		contacts, err := testkit.Scripted(t, testkit.Text(tt.body)).Contacts.List(t.Context(), testkit.Everything, growthgenius.NoRetry())
		if (err != nil) != tt.bad || err == nil && ids(contacts) != tt.ids {
			t.Errorf("%s: List gives %q, %v", name, ids(contacts), err)
		}
		listed, _ := errors.AsType[*growthgenius.DecodeError](err)
		for way, arrive := range pieces {
			if len(tt.body) > 100_000 && way != "at once" {
				continue
			}
			s := testkit.Bodies(func(int, *http.Request) io.Reader { return arrive(strings.NewReader(tt.body)) })
			contacts, err := testkit.Drain(t, testkit.Scripted(t, s).Contacts.Stream(t.Context(), testkit.Everything, growthgenius.NoRetry()))
			if got := ids(contacts); got != tt.ids || s.Sent.Load() != 1 {
				t.Errorf("%s, %s: %q of %d requests", name, way, got, s.Sent.Load())
			}
			if (err != nil) != tt.bad {
				t.Errorf("%s, %s: %v", name, way, err)
			}
			if e, ok := errors.AsType[*growthgenius.DecodeError](err); err != nil && (!ok || e.Method != "GET" || e.Route != "/contacts" || e.RequestID != "r1" ||
				!strings.HasSuffix(e.Reason, listed.Reason) || !bytes.HasPrefix(listed.Body, e.Body) || len(e.Body) == 0 && tt.body != "") {
				t.Errorf("%s, %s: %v, not %v", name, way, err, listed)
			}
		}
	}
}

func ids(contacts []growthgenius.Contact) (all string) {
	for _, c := range contacts {
		all += string(c.ID)
	}
	return all
}

// odd are records with values of unexpected types. %s is "contact" or "message".
var odd = []string{
	`{"id":1}`, `{"id":"007"}`, `{"id":-1}`, `{"id":1,"name":{"a":[1,2,{"b":"}]"}]}}`, `{"id":1,"x":null}`, `{"id":1.5,"user_id":1e3}`,
	`{"id":2,"first_name":5,"rendered_copy":5,"title":true}`, `{"id":3,"email_confidence":"90","team_id":"5"}`, `{"id":1,"email_confidence":"5.5"}`,
	`{"id":1,"contact_account":7,"sent_at":7}`, `{"id":1,"contact_account":{"id":"9","status":[1],"y":{}},"sent_at":"never"}`, `{"id":1,"contact_account":null}`,
	`{"id":1,"created_at":"2021-01-19T17:06:25.730-05:00","updated_at":"yesterday","sent_at":"2021-01-19"}`, `{"id":1,"lists":[1,{"a":"]"}],"label_names":null,"unstructured_data":{"a":{}}}`,
	`{"id":1,"name":"a","name":5,"x":1,"x":2,"rendered_copy":"a","rendered_copy":[]}`, `{"name":{"name":{"name":[[[]]]}},"id":4}`, `{"fist_name":"F","id":5}`, `{"id":1,"fist_name":"F","first_name":7}`,
	`{"%s":{"id":6,"title":5,"rendered_copy":{}},"beside":[1]}`, `{"%s":{"id":7},"id":8}`, `{"%s":5,"id":9}`, `{"%s":{"%s":{"id":9},"id":10}}`,
	"{\"id\":1,\"name\":\"\xff\xfe\",\"x\":\"\\ud800\"}", `{"":1,"\u0069d":11,"a\"b":"\n\/"}`, "{ \"id\" :\t\"12\" ,\r\n\"x\": [ ] }",
	`{"id":` + strings.Repeat("9", 500) + `,"x":1e999}`, `{"id":1,"title":` + strings.Repeat(`[{"a":`, 100) + "0" + strings.Repeat("}]", 100) + "}",
	`{"id":13,"name":"` + strings.Repeat("\\u00e9x", 300) + `","title":["` + strings.Repeat("y", 4000) + `"]}`,
}

// TestStreamIsList: whatever the records are, Stream decodes them as List does, and does not
// change them while it reads others.
func TestStreamIsList(t *testing.T) {
	t.Parallel()
	for way, arrive := range pieces {
		t.Run(way, func(t *testing.T) {
			t.Parallel()
			times := 6 // more than is read at once
			if way == "a byte at a time" {
				times = 1
			}
			list := slices.Repeat(slices.Concat(odd, []string{"null"}), times)
			body := func(name string) string {
				return `{"x":[1],"` + name + `s":[` + strings.ReplaceAll(strings.Join(list, ", "), "%s", name) + `],"y":{}}`
			}
			client := func(name string) *growthgenius.Client {
				return testkit.Scripted(t, testkit.Bodies(func(int, *http.Request) io.Reader { return arrive(strings.NewReader(body(name))) }))
			}
			contacts, messages := client("contact").Contacts, client("message").Messages
			same(t, times*len(odd), contacts.List, contacts.Stream)
			same(t, times*len(odd), messages.List, messages.Stream)
		})
	}
}

func same[T any](t *testing.T, n int,
	list func(context.Context, growthgenius.ListOptions, ...growthgenius.RequestOption) ([]T, error),
	stream func(context.Context, growthgenius.ListOptions, ...growthgenius.RequestOption) iter.Seq2[*T, error],
) {
	t.Helper()
	want, err := list(t.Context(), testkit.Everything)
	if err != nil || len(want) != n {
		t.Fatalf("%d elements, %v", len(want), err)
	}
	got, err := testkit.Drain(t, stream(t.Context(), testkit.Everything))
	if err != nil {
		t.Fatal(err)
	}
	raw := cmp.Comparer(func(a, b json.RawMessage) bool { return bytes.Equal(a, b) && (a == nil) == (b == nil) })
	if diff := cmp.Diff(want, got, raw); diff != "" {
		t.Errorf("Stream is not List: %s", diff)
	}
}

// TestStreamRequest: each loop sends a request when it begins, and the request is that of
// List. Two loops at once do not affect each other.
func TestStreamRequest(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var sent []*http.Request
		turns := &counting{}
		s := &testkit.Script{Respond: func(_ int, r *http.Request) (*http.Response, error) {
			sent = append(sent, r)
			return testkit.Reply(200, `{"messages":[{"id":1},{"id":2},{"id":3}]}`), nil
		}}
		c := testkit.Scripted(t, s, growthgenius.WithLimiter(turns))
		to := time.Now().Add(time.Hour)
		opts := make([]growthgenius.RequestOption, 1, 4)
		opts[0] = growthgenius.WithHeader("X-Test", "a")
		first := c.Messages.Stream(t.Context(), growthgenius.ListOptions{To: to}, append(opts, growthgenius.AsUser("7"))...)
		second := c.Messages.Stream(t.Context(), testkit.Everything, append(opts, growthgenius.AsUser("8"))...) // in the same array
		if len(sent) != 0 {
			t.Fatal("it is sent before anybody wants it")
		}
		var order []growthgenius.ID
		for a, err := range first {
			if err != nil {
				t.Fatal(err)
			}
			order = append(order, a.ID)
			time.Sleep(time.Hour)
			for b, err := range second {
				if err != nil {
					t.Fatal(err)
				}
				if order = append(order, b.ID); b.ID == a.ID {
					break
				}
			}
		}
		if want := []growthgenius.ID{"1", "1", "2", "1", "2", "3", "1", "2", "3"}; !slices.Equal(order, want) {
			t.Errorf("%v, not %v", order, want)
		}
		if len(sent) != 4 || turns.n != 4 {
			t.Fatalf("%d requests, %d turns of the limiter", len(sent), turns.n)
		}
		for i, r := range sent {
			user, until := "8", time.Date(2037, 12, 31, 0, 0, 0, 0, time.UTC) // no bound
			if i == 0 {
				user, until = "7", to
			}
			q := r.URL.Query()
			if r.Method != http.MethodGet || r.URL.Path != "/integrations/v1/messages" || q.Get("user_id") != user || r.Header.Get("X-Test") != "a" ||
				q.Get("from") != "1970-01-01T00:00:00.000Z" || q.Get("to") != until.UTC().Format("2006-01-02T15:04:05.000Z") {
				t.Errorf("request %d: %s %s %v", i, r.Method, r.URL, r.Header)
			}
		}
	})
}

type counting struct{ n int }

func (c *counting) Wait(context.Context) error { c.n++; return nil }

// TestStreamShared: many goroutines may range over one stream at once.
func TestStreamShared(t *testing.T) {
	t.Parallel()
	s := testkit.Text(`{"contacts":[` + strings.Repeat(`{"id":1},`, 5000) + `{"id":2}]}`)
	seq := testkit.Scripted(t, s).Contacts.Stream(t.Context(), testkit.Everything)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			if contacts, err := testkit.Drain(t, seq); err != nil || len(contacts) != 5001 || contacts[5000].ID != "2" {
				t.Errorf("%d elements, %v", len(contacts), err)
			}
		})
	}
	wg.Wait()
	if n := s.Sent.Load(); n != 4 {
		t.Errorf("%d requests", n)
	}
}

// TestStreamRefused: the loop gets the error of invalid input, and nothing is sent.
func TestStreamRefused(t *testing.T) {
	t.Parallel()
	s := testkit.Text(`{"contacts":[]}`)
	c := testkit.Scripted(t, s)
	now := time.Now()
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for name, seq := range map[string]iter.Seq2[*growthgenius.Contact, error]{
		"From after To": c.Contacts.Stream(t.Context(), growthgenius.ListOptions{From: now, To: now.Add(-time.Hour)}),
		"a header":      c.Contacts.Stream(t.Context(), testkit.Everything, growthgenius.WithHeader("Authorization", "x")),
		"no user":       c.ForUser("").Contacts.Stream(t.Context(), testkit.Everything),
	} {
		contacts, err := testkit.Drain(t, seq)
		if len(contacts) != 0 || !errors.Is(err, growthgenius.ErrInvalidInput) || !strings.Contains(err.Error(), "GET /contacts") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := testkit.Drain(t, c.Contacts.Stream(ended, testkit.Everything)); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	if n := s.Sent.Load(); n != 0 {
		t.Errorf("%d requests", n)
	}
}

// TestStreamCapture: each loop stores the ResponseInfo before its first element, and leaves
// it unchanged if there is no response.
func TestStreamCapture(t *testing.T) {
	t.Parallel()
	var info growthgenius.ResponseInfo
	c := testkit.Scripted(t, testkit.Text(`{"contacts":[{"id":1},{"id":2}]}`))
	seq := c.Contacts.Stream(t.Context(), testkit.Everything, growthgenius.CaptureResponse(&info))
	for _, want := range []string{"r1", "r2"} {
		for contact, err := range seq {
			if err != nil || info.RequestID != want || info.StatusCode != 200 || info.Attempts != 1 || info.Header.Get("X-Request-Id") != want {
				t.Errorf("%+v, %v: %+v", contact, err, info)
			}
		}
		if info.RequestID != want {
			t.Errorf("no element of %s: %+v", want, info)
		}
	}
	before := growthgenius.ResponseInfo{StatusCode: 1, Attempts: 1}
	for _, s := range []*testkit.Script{
		{Respond: func(int, *http.Request) (*http.Response, error) { return nil, errors.New("no connection") }},
		testkit.Bodies(func(int, *http.Request) io.Reader { return broken(`{"contacts":[{`, errors.New("reset")) }),
	} {
		info = before
		_, err := testkit.Drain(t, testkit.Scripted(t, s).Contacts.Stream(t.Context(), testkit.Everything, growthgenius.NoRetry(), growthgenius.CaptureResponse(&info)))
		if err == nil || !reflect.DeepEqual(info, before) {
			t.Errorf("%+v, %v", info, err)
		}
	}
	_, err := testkit.Drain(t, testkit.Scripted(t, &testkit.Script{Respond: func(int, *http.Request) (*http.Response, error) { return testkit.Reply(404, ""), nil }}).
		Contacts.Stream(t.Context(), testkit.Everything, growthgenius.CaptureResponse(&info)))
	if !errors.Is(err, growthgenius.ErrNotFound) || info.StatusCode != 404 {
		t.Errorf("%+v, %v", info, err)
	}
}

// TestStreamStrict: the first unexpected field is an error, which ends the stream.
func TestStreamStrict(t *testing.T) {
	t.Parallel()
	for body, tt := range map[string]struct {
		ids, says string
	}{
		`{"contacts":[{"id":1},{"id":2}]}`:                                        {"12", ""},
		`{"contacts":[{"id":1},{"id":2,"title":5},{"id":3}]}`:                     {"1", "Contact.title has an unexpected type (a number)"},
		`{"contacts":[{"id":1,"shoe_size":[]},{"id":2}]}`:                         {"", "Contact.shoe_size is unknown (an array)"},
		`{"contacts":[{"id":1,"contact_account":{"x":1}},{"id":2}]}`:              {"", "ContactAccount.x is unknown (a number)"},
		`{"contacts":[{"id":1},null,{"id":2}]}`:                                   {"1", "the response.contacts[] is unknown (null)"},
		`{"page":1,"contacts":[{"id":1}]}`:                                        {"", "the response.page is unknown (a number)"},
		`{"contacts":[{"id":1},{"id":2}],"page":1}`:                               {"12", "the response.page is unknown (a number)"},
		`{"a":1,"b":2,"contacts":[` + strings.Repeat("null,", 999) + `{"id":1}]}`: {"", "the response.a is unknown (a number); the response.b is unknown (a number); the response.contacts[] is unknown (null)"},
	} {
		contacts, err := testkit.Drain(t, testkit.Scripted(t, testkit.Text(body), growthgenius.WithStrictDecoding()).Contacts.Stream(t.Context(), testkit.Everything))
		if ids(contacts) != tt.ids || errors.Is(err, growthgenius.ErrDecode) != (tt.says != "") || err != nil && !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%s: %q, %v", body, ids(contacts), err)
		}
	}
}

// TestStreamLogs: each unexpected field is logged once, however often it occurs.
func TestStreamLogs(t *testing.T) {
	t.Parallel()
	var log testkit.Logs
	c := testkit.Scripted(t, testkit.Text(`{"page":1,"contacts":[`+strings.Repeat(`{"id":1,"title":5,"shoe_size":[]},null,`, 9)+`{"id":1}],"rest":{}}`), log.Option())
	for range 2 {
		if contacts, err := testkit.Drain(t, c.Contacts.Stream(t.Context(), testkit.Everything)); err != nil || len(contacts) != 10 {
			t.Fatalf("%d elements, %v", len(contacts), err)
		}
	}
	var got []string
	for _, l := range log.Lines(t) {
		if l.Level == "WARN" {
			got = append(got, l.Msg)
		}
	}
	slices.Sort(got)
	want := []string{
		"Contact.shoe_size is unknown (an array); its value is kept", "Contact.title has an unexpected type (a number); its value is kept",
		"the response.contacts[] is unknown (null); it is ignored", "the response.page is unknown (a number); it is ignored", "the response.rest is unknown (an object); it is ignored",
	}
	if !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
}

// TestStreamKeepsSecrets: an id that is the key is not printed.
func TestStreamKeepsSecrets(t *testing.T) {
	t.Parallel()
	for _, before := range []string{"", `{"id":1},`} {
		c := testkit.Scripted(t, testkit.Text(`{"contacts":[`+before+`{"id":"SECRET","name":"`+strings.Repeat("x", 100_000)+`"}]}`), growthgenius.WithMaxResponseBytes(1000))
		_, err := testkit.Drain(t, c.Contacts.Stream(t.Context(), testkit.Everything))
		if !errors.Is(err, growthgenius.ErrResponseTooLarge) || strings.Contains(err.Error(), "SECRET") {
			t.Errorf("%v", err)
		}
	}
}

// TestReadBackStreams: a create is found in a list that is larger than the bound on a
// response, and that breaks off at first.
func TestReadBackStreams(t *testing.T) {
	t.Parallel()
	testkit.Bubble(t, func(t *testing.T, srv *testkit.Server) {
		c := srv.NewClient(growthgenius.WithMaxResponseBytes(8 << 10))
		now := time.Now()
		for range 20 {
			srv.AddContacts(growthgenius.Contact{UpdatedAt: now})
		}
		if _, err := c.Contacts.List(t.Context(), testkit.Everything); !errors.Is(err, growthgenius.ErrResponseTooLarge) {
			t.Fatalf("the list is too short: %v", err)
		}
		srv.Inject(growthgeniustest.Fault{Method: "POST", Status: 503, Commit: true, Times: 1},
			growthgeniustest.Fault{Method: "GET", Effect: growthgeniustest.Truncate, Times: 1})
		contact, err := c.Contacts.Create(t.Context(), testkit.Steve)
		if err != nil || contact.Email != "sjobs@apple.com" || len(srv.Ledger()) != 1 {
			t.Errorf("%+v, %v", contact, err)
		}
	})
}
