package test

import (
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"runtime"
	"strings"
	"testing"

	"github.com/growthgenius/growthgenius-go"
	"github.com/growthgenius/growthgenius-go/internal/testkit"
)

// maxErrorBody is how much an error keeps of a body.
const maxErrorBody = 4 << 10

// zeros is an endless source of zero bytes.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

// TestGzipBomb is not parallel: it measures what the process allocates.
func TestGzipBomb(t *testing.T) { //nolint:paralleltest // see above
	const limit = 1 << 20
	served := make(chan int64, 100)
	c, _ := testkit.Serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Accept-Encoding") != "gzip" {
			t.Error("the client does not take gzip")
		}
		w.Header().Set("Content-Encoding", "gzip")
		if strings.HasSuffix(r.URL.Path, "/9") {
			w.WriteHeader(http.StatusBadRequest)
		}
		zip, err := gzip.NewWriterLevel(w, gzip.BestSpeed)
		if err != nil {
			t.Error(err)
		}
		n, _ := io.Copy(zip, io.LimitReader(zeros{}, 10<<30)) // until the client hangs up
		served <- n
	}, growthgenius.WithMaxResponseBytes(limit))
	for _, id := range []growthgenius.ID{"1", "9"} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := c.Contacts.Get(t.Context(), id)
		runtime.ReadMemStats(&after)
		if id == "9" {
			testkit.OnlyIs(t, err, growthgenius.ErrBadRequest)
		} else {
			testkit.OnlyIs(t, err, growthgenius.ErrResponseTooLarge)
		}
		if id != "9" && err != nil && !strings.Contains(err.Error(), "WithMaxResponseBytes") {
			t.Errorf("%v", err)
		}
		if got := after.TotalAlloc - before.TotalAlloc; got > 32*limit {
			t.Errorf("%d MiB were allocated for a limit of %d MiB", got>>20, limit>>20)
		}
		if n := <-served; n > 1<<30 {
			t.Errorf("%d bytes were read of a bomb", n)
		}
	}
}

// TestResponseLimit: the bound is exact, and counts bytes after decompression.
func TestResponseLimit(t *testing.T) {
	t.Parallel()
	body := `{"contact":{"id":1,"name":"` + strings.Repeat("x", 1000) + `"}}`
	for _, tt := range []struct {
		limit int64
		ok    bool
	}{{int64(len(body)), true}, {int64(len(body)) - 1, false}, {1, false}, {1<<63 - 1, true}} {
		for _, zipped := range []bool{false, true} {
			c, _ := testkit.Serve(t, func(w http.ResponseWriter, _ *http.Request) {
				var out io.Writer = w
				if zipped {
					w.Header().Set("Content-Encoding", "gzip")
					zip := gzip.NewWriter(w)
					defer func() { _ = zip.Close() }()
					out = zip
				}
				_, _ = io.WriteString(out, body)
			}, growthgenius.WithMaxResponseBytes(tt.limit))
			contact, err := c.Contacts.Get(t.Context(), "1")
			if tt.ok && (err != nil || len(contact.Name) != 1000) {
				t.Errorf("limit %d, gzip %v: %v", tt.limit, zipped, err)
			}
			if !tt.ok {
				testkit.OnlyIs(t, err, growthgenius.ErrResponseTooLarge)
			}
		}
	}
}

// TestNoLimit: the largest bound on a response does not limit the number of its records.
func TestNoLimit(t *testing.T) {
	t.Parallel()
	body := `{"contacts":[` + strings.Repeat(`{"id":1},`, 4999) + `{"id":1}]}`
	api := testkit.NewAPI(t).On("GET", "/contacts", 200, body)
	list, err := api.Client(growthgenius.WithMaxResponseBytes(math.MaxInt64)).Contacts.List(t.Context(), growthgenius.ListOptions{})
	if err != nil || len(list) != 5000 {
		t.Errorf("%d contacts, %v", len(list), err)
	}
}

// TestLargeErrorBody: an error keeps little of it, in Body and in its other fields.
func TestLargeErrorBody(t *testing.T) {
	t.Parallel()
	const size = 5 << 20
	huge, long := strings.Repeat("long ", size/5), strings.Repeat("long ", size/50)
	for _, body := range []string{
		huge, `{"message":"` + huge + `"}`, "<html>" + huge, `{"message":"` + long + `"}`, `{"error":{"code":"` + long + `"}}`, `{"errors":["` + long + `"]}`, `{"errors":{"email":["` + long + `"]}}`,
		"<html>" + strings.Repeat("<", size/10), `{"errors":[` + strings.Repeat("5,", size/20) + "5]}", strings.Repeat("\xff", size/10),
		`{"message":"` + long[:60<<10] + `"}`,
	} {
		for _, status := range []int{200, 400} {
			api := testkit.NewAPI(t).On("GET", "/contacts/1", status, body)
			_, err := api.Client().Contacts.Get(t.Context(), "1")
			kept := 0
			if e, ok := errors.AsType[*growthgenius.APIError](err); ok {
				kept = len(e.Body) + len(e.Message) + len(e.Code) + len(fmt.Sprint(e.Fields))
			} else if e, ok := errors.AsType[*growthgenius.DecodeError](err); ok {
				kept = len(e.Body) + len(e.Reason)
			}
			if kept == 0 || kept > 4*maxErrorBody || len(err.Error()) > 3*maxErrorBody {
				t.Errorf("%d %.40q: %d bytes are kept, the text has %d", status, body, kept, len(err.Error()))
			}
		}
	}
}

// TestEndlessErrorBody: of the body of an error response no more is read than an error needs,
// and the error is that of the status, not of the size.
func TestEndlessErrorBody(t *testing.T) {
	t.Parallel()
	for _, k := range kinds {
		for _, status := range []int{422, 500} {
			read := 0
			s := &testkit.Script{Respond: func(int, *http.Request) (*http.Response, error) {
				res := testkit.Reply(status, "")
				res.Body = io.NopCloser(countingReader{strings.NewReader(strings.Repeat(" ", 1<<20)), &read})
				return res, nil
			}}
			c := testkit.Scripted(t, s, growthgenius.WithRetry(growthgenius.RetryPolicy{MaxAttempts: 1}),
				growthgenius.WithReadBack(growthgenius.ReadBackPolicy{Disabled: true}), growthgenius.WithMaxResponseBytes(100))
			err := k.do(t.Context(), c)
			switch {
			case status == 422:
				testkit.OnlyIs(t, err, growthgenius.ErrValidation)
			case k.create:
				testkit.Unknown(t, err)
			default:
				testkit.OnlyIs(t, err, growthgenius.ErrServer)
			}
			if n := int(s.Sent.Load()); read > n*(70<<10) {
				t.Errorf("%s, %d: %d bytes were read in %d requests", k.name, status, read, n)
			}
		}
	}
}

// countingReader counts what is read.
type countingReader struct {
	io.Reader
	n *int
}

func (r countingReader) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	*r.n += n
	return n, err
}

// TestSwitchingProtocols: a 101 that no request asked for is not a success, and what follows
// it is not a body.
func TestSwitchingProtocols(t *testing.T) {
	t.Parallel()
	for _, k := range kinds {
		c, _ := testkit.Serve(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Upgrade", "websocket")
			w.Header().Set("Connection", "Upgrade")
			w.WriteHeader(http.StatusSwitchingProtocols)
		})
		err := k.do(t.Context(), c)
		if k.create {
			testkit.Unknown(t, err)
		} else if api, ok := errors.AsType[*growthgenius.APIError](err); !ok || api.StatusCode != 101 {
			t.Errorf("%s: %v", k.name, err)
		}
	}
}

// TestDeepNesting: it neither crashes nor takes long, wherever the brackets are.
func TestDeepNesting(t *testing.T) {
	t.Parallel()
	const deep = 1_000_000
	for i, body := range []string{
		strings.Repeat("[", deep), strings.Repeat(`{"a":`, deep), `{"contact":` + strings.Repeat("[", deep),
		`{"contact":{"id":1,"x":` + strings.Repeat("[", deep) + strings.Repeat("]", deep) + `}}`,
		`{"contact":{"id":1,"lists":` + strings.Repeat(`{"a":`, deep) + "1" + strings.Repeat("}", deep) + `}}`,
		`{"contact":{"id":1,"title":` + strings.Repeat(`[`, deep) + strings.Repeat("]", deep) + `}}`,
		strings.Repeat(`{"contact":`, deep) + `{"id":1}` + strings.Repeat("}", deep),
	} {
		api := testkit.NewAPI(t).On("GET", "/contacts/1", 200, body)
		c := api.Client()
		_, err := c.Contacts.Get(t.Context(), "1")
		testkit.OnlyIs(t, err, growthgenius.ErrDecode)
		if i > 1 {
			continue
		}
		api.On("GET", "/contacts/2", 400, body).On("GET", "/new", 200, body)
		_, err = c.Contacts.Get(t.Context(), "2")
		testkit.OnlyIs(t, err, growthgenius.ErrBadRequest)
		var out any
		testkit.OnlyIs(t, c.Do(t.Context(), "GET", "/new", nil, nil, &out), growthgenius.ErrDecode)
	}
}

// TestListsInRecords: a list in a record is bounded in memory, as the list of a response is.
// The tests of internal/wire have it for each depth and for odd elements.
func TestListsInRecords(t *testing.T) {
	t.Parallel()
	body := `{"contacts":[` + strings.Repeat("{},", 75_000) + `{}]}` // of 960 bytes each
	api := testkit.NewAPI(t).On("POST", "/contacts/search", 200, body)
	_, err := api.Client().Contacts.Search(t.Context(), growthgenius.SearchOptions{})
	testkit.OnlyIs(t, err, growthgenius.ErrResponseTooLarge)
}

// TestSmallRecordsOfAList: the maps and pointers of a record count, too.
func TestSmallRecordsOfAList(t *testing.T) {
	t.Parallel()
	for elem, fits := range map[string]bool{`{"id":1}`: true, `{"id":1,"contact_account":{"a":1},"b":1}`: false} {
		api := testkit.NewAPI(t).On("GET", "/contacts", 200, `{"contacts":[`+strings.Repeat(elem+",", 3000)+elem+`]}`)
		list, err := api.Client(growthgenius.WithMaxResponseBytes(1<<20)).Contacts.List(t.Context(), growthgenius.ListOptions{})
		if fits && (err != nil || len(list) != 3001) {
			t.Errorf("%s: %d contacts, %v", elem, len(list), err)
		}
		if !fits {
			testkit.OnlyIs(t, err, growthgenius.ErrResponseTooLarge)
		}
	}
}
