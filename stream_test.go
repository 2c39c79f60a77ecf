package growthgenius_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"net"
	"net/http"
	"net/http/httputil"
	"os"
	"reflect"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/growthgenius/growthgenius-go"
	"github.com/growthgenius/growthgenius-go/growthgeniustest"
)

var everything growthgenius.ListOptions

// drain ranges over a stream. Elements come without an error, and the error comes last.
func drain[T any](t testing.TB, seq iter.Seq2[*T, error]) (all []T, err error) {
	t.Helper()
	for v, e := range seq {
		if err != nil || (v == nil) != (e != nil) {
			t.Errorf("%v, %v after %v", v, e, err)
		}
		if err = e; v != nil {
			all = append(all, *v)
		}
	}
	return all, err
}

// bodies answers each request with a body of its own.
func bodies(body func(n int, r *http.Request) io.Reader) *script {
	return &script{answer: func(n int, r *http.Request) (*http.Response, error) {
		res := reply(200, "", "X-Request-Id", "r"+strconv.Itoa(n))
		res.Body = io.NopCloser(body(n, r))
		return res, nil
	}}
}

// text is a body that is always the same.
func text(body string) *script {
	return bodies(func(int, *http.Request) io.Reader { return strings.NewReader(body) })
}

// broken is a body that ends in an error.
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
		for contact, err := range c.Contacts.Stream(t.Context(), everything) {
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

// flood is a long body that is nowhere in memory. On its way it looks at what is.
type flood struct {
	n     int
	piece func(i int) string // from 0 to n
	peak  uint64             // live heap over that at the beginning

	i     int
	rest  string
	began uint64
}

func (f *flood) Read(p []byte) (n int, err error) {
	for n < len(p) && (f.rest != "" || f.i <= f.n) {
		if f.rest == "" {
			if f.i%(f.n/4) == 0 {
				f.look()
			}
			f.rest = f.piece(f.i)
			f.i++
		}
		k := copy(p[n:], f.rest)
		f.rest = f.rest[k:]
		n += k
	}
	if n == 0 {
		return 0, io.EOF
	}
	return n, nil
}

func (f *flood) look() {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	if f.i == 0 {
		f.began = m.HeapAlloc
	}
	f.peak = max(f.peak, m.HeapAlloc-min(m.HeapAlloc, f.began))
}

// raced reports whether the race detector is on, under which the floods are small ones.
func raced() bool {
	info, ok := debug.ReadBuildInfo()
	return ok && slices.Contains(info.Settings, debug.BuildSetting{Key: "-race", Value: "true"})
}

// compact is a sample as a server writes it.
func compact(t testing.TB, file string) string {
	t.Helper()
	data, err := os.ReadFile("testdata/" + file)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := json.Compact(&out, data); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// sampleContact is the contact of the reference, with a verb for its id.
func sampleContact(t testing.TB) string {
	t.Helper()
	one := strings.TrimSuffix(strings.TrimPrefix(compact(t, "contact.json"), `{"contact":`), "}")
	return strings.Replace(one, `"id":1102755`, `"id":%d`, 1)
}

// TestStreamMemory: 100,000 contacts, over 170 MB, need no more memory than a few. It is not
// parallel: it measures what the process has.
func TestStreamMemory(t *testing.T) { //nolint:paralleltest // see above
	contact := sampleContact(t)
	const most = 2 << 20
	for name, tt := range map[string]struct {
		n     int
		none  bool // no piece is an element, but the last
		piece func(i int) string
	}{
		"contacts": {n: 100_000, piece: func(i int) string { return fmt.Sprintf(contact, i+1) }},
		"empty":    {n: 1_000_000, piece: func(int) string { return "{}" }},
		"odd":      {n: 20_000, piece: func(i int) string { return fmt.Sprintf(`{"id":{},"odd%d":[]}`, i) }},
		"null":     {n: 200_000, none: true, piece: func(int) string { return "null" }},
		"envelope": {n: 50_000, none: true, piece: func(i int) string { return fmt.Sprintf(`"stray%d":{"contacts":[{}]}`, i) }},
	} {
		if raced() {
			tt.n /= 50
		}
		head, tail := `{"contacts":[`, ",{}]}"
		if name == "envelope" {
			head, tail = "{", `,"contact":{}}`
		}
		body := &flood{n: tt.n, piece: func(i int) string {
			switch i {
			case 0:
				return head + tt.piece(i)
			case tt.n:
				return tail
			default:
				return "," + tt.piece(i)
			}
		}}
		c := scripted(t, bodies(func(int, *http.Request) io.Reader { return body }))
		n := 0
		for _, err := range c.Contacts.Stream(t.Context(), everything) {
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			n++
		}
		if want := tt.n + 1; n != want && !(tt.none && n == 1) || body.peak > most {
			t.Errorf("%s: %d elements, and %d KiB in memory", name, n, body.peak>>10)
		}
	}
}

// TestWholeListMemory: the measure of TestStreamMemory sees a list that is held whole, as it
// is where people read and decode it in one go. It is not parallel either.
func TestWholeListMemory(t *testing.T) { //nolint:paralleltest // see above
	contact := sampleContact(t)
	n := 10_000
	if raced() {
		n /= 10
	}
	body := &flood{n: n, piece: func(i int) string {
		switch i {
		case 0:
			return `{"contacts":[` + fmt.Sprintf(contact, i)
		case n:
			return "]}"
		default:
			return "," + fmt.Sprintf(contact, i)
		}
	}}
	data, err := io.ReadAll(body)
	if err != nil {
		t.Fatal(err)
	}
	var list struct{ Contacts []growthgenius.Contact }
	if err := json.Unmarshal(data, &list); err != nil || len(list.Contacts) != n {
		t.Fatalf("%d contacts, %v", len(list.Contacts), err)
	}
	body.look()
	if least := uint64(n * (24 << 20) / 10_000); body.peak < least {
		t.Errorf("%d contacts are %d KiB in memory, not %d", n, body.peak>>10, least>>10)
	}
	runtime.KeepAlive(data)
	runtime.KeepAlive(list)
}

// TestListOfTinyRecords: records that are much larger in memory than on the wire are
// refused before they fill it. It is not parallel: it measures what the process allocates.
func TestListOfTinyRecords(t *testing.T) { //nolint:paralleltest // see above
	const limit = 4 << 20
	body := `{"contacts":[` + strings.Repeat("{},", 1_000_000) + "{}]}"
	c := scripted(t, text(body), growthgenius.WithMaxResponseBytes(limit))
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, err := c.Contacts.List(t.Context(), everything)
	runtime.ReadMemStats(&after)
	if !errors.Is(err, growthgenius.ErrResponseTooLarge) || !strings.Contains(err.Error(), "Stream") {
		t.Errorf("%v", err)
	}
	// The list is copied each time it grows.
	if got := after.TotalAlloc - before.TotalAlloc; got > 10*8*limit {
		t.Errorf("%d MiB were allocated for a limit of %d MiB", got>>20, limit>>20)
	}
}

// exes is a text that never ends.
func exes(p []byte) (int, error) {
	for i := range p {
		p[i] = 'x'
	}
	return len(p), nil
}

// TestStreamLargeElement: an element may be as large as an answer that is not streamed.
func TestStreamLargeElement(t *testing.T) {
	t.Parallel()
	size := 60 << 20
	if raced() {
		size /= 60
	}
	head, tail := `{"contacts":[{"id":1,"name":"`, `"},{"id":2}]}`
	c := scripted(t, bodies(func(int, *http.Request) io.Reader {
		return io.MultiReader(strings.NewReader(head), io.LimitReader(readFunc(exes), int64(size)), strings.NewReader(tail))
	}))
	contacts, err := drain(t, c.Contacts.Stream(t.Context(), everything))
	if err != nil || len(contacts) != 2 || len(contacts[0].Name) != size || contacts[1].ID != "2" {
		t.Errorf("%d elements, %v", len(contacts), err)
	}
}

// TestStreamBound: the bound is exact for each element, wherever it stands and however it
// arrives, and is none on the whole. The error names the element, and no other.
func TestStreamBound(t *testing.T) {
	t.Parallel()
	const limit = 1000
	element := func(id, size int) string {
		head := fmt.Sprintf(`{"id":%d,"name":"`, id)
		return head + strings.Repeat("x", size-len(head)-2) + `"}`
	}
	small := element(6, limit-1) // and the comma
	for name, tt := range map[string]struct {
		body     string
		elements int
		says     string // "" where it is in bounds
	}{
		"at the bound":         {`{"contacts":[` + element(7, limit) + "," + small + "]}", 2, ""},
		"many":                 {`{"contacts":[` + strings.Repeat(small+",", 39) + small + "]}", 40, ""},
		"over it":              {`{"contacts":[` + element(7, limit+1) + "," + small + "]}", 0, "record 1 (id 7)"},
		"over it, later":       {`{"contacts":[` + small + "," + element(7, limit+1) + "," + small + "]}", 1, "record 2 (id 7)"},
		"far over it":          {`{"contacts":[` + small + "," + element(7, 200_000) + "," + small + "]}", 1, "record 2 (id 7)"},
		"far over it, wrapped": {`{"contacts":[` + small + `,{"contact":` + element(7, 200_000) + "}]}", 1, "record 2 is"},
		"odd and over it":      {`{"contacts":[` + small + `,{"id":7,"name":[` + strings.Repeat("1,", 100_000) + `1]}]}`, 1, "record 2 (id 7)"},
		"without an id":        {`{"contacts":[` + small + `,{"name":"` + strings.Repeat("x", 200_000) + `"}]}`, 1, "record 2 is"},
		"blanks":               {`{"contacts":[` + small + "," + strings.Repeat(" ", 200_000) + `{"id":7}]}`, 1, "record 2 is"},
		"before the list":      {`{"x":"` + strings.Repeat("x", 200_000) + `","contacts":[{}]}`, 0, "the envelope is"},
		"behind the list":      {`{"contacts":[` + small + `],"x":"` + strings.Repeat("x", 200_000) + `"}`, 1, "the envelope is"},
		"behind the end":       {`{"contacts":[` + small + `]}` + strings.Repeat("\n", 200_000), 1, "the envelope is"},
	} {
		for way, arrive := range pieces {
			s := bodies(func(int, *http.Request) io.Reader { return arrive(strings.NewReader(tt.body)) })
			c := scripted(t, s, growthgenius.WithMaxResponseBytes(limit))
			contacts, err := drain(t, c.Contacts.Stream(t.Context(), everything))
			switch {
			case len(contacts) != tt.elements || s.n.Load() != 1:
				t.Errorf("%s, %s: %d elements of %d requests, %v", name, way, len(contacts), s.n.Load(), err)
			case tt.says == "" && err != nil:
				t.Errorf("%s, %s: %v", name, way, err)
			case tt.says != "" && (!errors.Is(err, growthgenius.ErrResponseTooLarge) || errors.Is(err, growthgenius.ErrDecode) ||
				!strings.Contains(err.Error(), tt.says) || !strings.Contains(err.Error(), "WithMaxResponseBytes")):
				t.Errorf("%s, %s: %v", name, way, err)
			}
		}
	}
}

// TestStreamBomb: what a small answer decompresses to is bounded too.
func TestStreamBomb(t *testing.T) {
	t.Parallel()
	c, _ := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		zip := gzip.NewWriter(w)
		defer zip.Close()
		_, _ = io.WriteString(zip, `{"contacts":[{"id":1},{"id":2,"name":"`)
		_, _ = io.Copy(zip, io.LimitReader(readFunc(exes), 4<<20))
	}, growthgenius.WithMaxResponseBytes(1<<16))
	contacts, err := drain(t, c.Contacts.Stream(t.Context(), everything))
	if !errors.Is(err, growthgenius.ErrResponseTooLarge) || len(contacts) != 1 {
		t.Errorf("%d elements, %v", len(contacts), err)
	}
}

// hangUp is a transport that takes each request and answers with these bytes, as they are
// on the wire, after which the connection is closed.
func hangUp(t *testing.T, wire string) http.RoundTripper {
	t.Helper()
	return &http.Transport{DisableKeepAlives: true, DialTLSContext: func(context.Context, string, string) (net.Conn, error) {
		client, server := net.Pipe()
		go func() {
			defer server.Close()
			if _, err := http.ReadRequest(bufio.NewReader(server)); err != nil {
				t.Error(err)
			}
			_, _ = io.WriteString(server, wire)
		}()
		return client, nil
	}}
}

// TestStreamCut: wherever the connection is cut, and however the answer says how long it
// is, the elements that are complete are handed over, and then comes an error.
func TestStreamCut(t *testing.T) {
	t.Parallel()
	const elements = 24
	var body strings.Builder
	var ends []int
	contact := sampleContact(t)
	for i := range elements {
		if i == 0 {
			body.WriteString(`{"contacts":[`)
		} else {
			body.WriteByte(',')
		}
		fmt.Fprintf(&body, contact, i+1)
		ends = append(ends, body.Len())
	}
	body.WriteString("]}")
	var chunked strings.Builder
	chunks := httputil.NewChunkedWriter(&chunked)
	for piece := range slices.Chunk([]byte(body.String()), 1500) {
		_, _ = chunks.Write(piece)
	}
	_ = chunks.Close()
	chunked.WriteString("\r\n")
	var zipped strings.Builder
	zip, _ := gzip.NewWriterLevel(&zipped, gzip.NoCompression) // the records are too much alike for many cuts
	_, _ = io.WriteString(zip, body.String())
	_ = zip.Close()

	for name, framing := range map[string]struct {
		header, body string
		arrived      func(cut string) int // bytes of the answer
		clean        bool                 // an early end looks like the end
	}{
		"length": {fmt.Sprintf("Content-Length: %d", body.Len()), body.String(), func(cut string) int { return len(cut) }, false},
		"chunked": {"Transfer-Encoding: chunked", chunked.String(), func(cut string) int {
			data, _ := io.ReadAll(httputil.NewChunkedReader(strings.NewReader(cut)))
			return len(data)
		}, false},
		"close": {"Connection: close", body.String(), func(cut string) int { return len(cut) }, true},
		"gzip": {"Connection: close\r\nContent-Encoding: gzip", zipped.String(), func(cut string) int {
			unzip, err := gzip.NewReader(strings.NewReader(cut))
			if err != nil {
				return 0
			}
			data, _ := io.ReadAll(unzip)
			return len(data)
		}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cuts := []int{len(framing.body), len(framing.body) - 1}
			for cut := 0; cut < len(framing.body); cut += 997 {
				cuts = append(cuts, cut)
			}
			for _, cut := range cuts {
				wire := "HTTP/1.1 200 OK\r\n" + framing.header + "\r\n\r\n" + framing.body[:cut]
				c, err := growthgenius.NewClient("key", growthgenius.WithUserID("1"), growthgenius.WithHTTPClient(&http.Client{Transport: hangUp(t, wire)}))
				if err != nil {
					t.Fatal(err)
				}
				arrived := framing.arrived(framing.body[:cut])
				want, _ := slices.BinarySearch(ends, arrived+1)
				contacts, err := drain(t, c.Contacts.Stream(t.Context(), everything, growthgenius.NoRetry()))
				if len(contacts) != want || want > 0 && contacts[want-1].ID != growthgenius.IntID(int64(want)) {
					t.Errorf("%d of %d bytes, %d elements: got %d", cut, len(framing.body), want, len(contacts))
				}
				clean := framing.clean || cut == 0 && name == "gzip" // which has no beginning yet
				if whole := cut == len(framing.body); whole != (err == nil) || !whole && errors.Is(err, growthgenius.ErrDecode) != clean {
					t.Errorf("%d of %d bytes: %v", cut, len(framing.body), err)
				}
			}
		})
	}
}

// TestStreamLeft: whichever way the loop is left, the connection is closed: the server
// sees it. TestMain looks for what is left of it.
func TestStreamLeft(t *testing.T) {
	t.Parallel()
	for name, leave := range map[string]func(*testing.T, iter.Seq2[*growthgenius.Contact, error]){
		"break": func(t *testing.T, seq iter.Seq2[*growthgenius.Contact, error]) {
			for _, err := range seq {
				if err != nil {
					t.Error(err)
				}
				break
			}
		},
		"panic": func(t *testing.T, seq iter.Seq2[*growthgenius.Contact, error]) {
			defer func() {
				if got := recover(); got != "the loop's own" {
					t.Errorf("recovered %v", got)
				}
			}()
			for range seq {
				panic("the loop's own")
			}
		},
		"pull": func(t *testing.T, seq iter.Seq2[*growthgenius.Contact, error]) {
			next, stop := iter.Pull2(seq)
			defer stop()
			for id := range 3 {
				if contact, err, ok := next(); !ok || err != nil || contact.ID != growthgenius.IntID(int64(id)) {
					t.Errorf("%v, %v, %v", contact, err, ok)
				}
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			left := make(chan error, 1)
			c, _ := serve(t, func(w http.ResponseWriter, _ *http.Request) {
				_, err := io.WriteString(w, `{"contacts":[{"id":0}`)
				for id := 1; err == nil; id++ {
					_, err = fmt.Fprintf(w, `,{"id":%d}`, id)
				}
				left <- err
			})
			leave(t, c.Contacts.Stream(t.Context(), everything))
			select {
			case <-left:
			case <-time.After(10 * time.Second):
				t.Error("the server still sends")
			}
		})
	}
}

// TestStreamKeepsConnections: a stream that was read to its end leaves its connection to
// the next call.
func TestStreamKeepsConnections(t *testing.T) {
	t.Parallel()
	srv := growthgeniustest.NewServer(t)
	srv.AddContacts(make([]growthgenius.Contact, 100)...)
	c := live(t, srv)
	for range 3 {
		contacts, err := drain(t, c.Contacts.Stream(t.Context(), everything))
		if err != nil || len(contacts) != 100 {
			t.Fatalf("%d elements, %v", len(contacts), err)
		}
	}
	if n := srv.Connections(); n != 1 {
		t.Errorf("%d connections", n)
	}
}

// TestStreamEnvelopes: the records are found wherever List finds them, and what it refuses
// is refused, after the records that stand before.
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
		"blanks":                 {" {\r\n\t\"contacts\" : [ {\n} , { \"id\" : 1 } ] } \n\n", "1", false},
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
		"a byte order mark":      {"\ufeff{\"contacts\":[]}", "", true},
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
		contacts, err := scripted(t, text(tt.body)).Contacts.List(t.Context(), everything)
		if (err != nil) != tt.bad || err == nil && ids(contacts) != tt.ids {
			t.Errorf("%s: List gives %q, %v", name, ids(contacts), err)
		}
		listed, _ := errors.AsType[*growthgenius.DecodeError](err)
		for way, arrive := range pieces {
			if len(tt.body) > 100_000 && way != "at once" {
				continue
			}
			s := bodies(func(int, *http.Request) io.Reader { return arrive(strings.NewReader(tt.body)) })
			contacts, err := drain(t, scripted(t, s).Contacts.Stream(t.Context(), everything))
			if got := ids(contacts); got != tt.ids || s.n.Load() != 1 {
				t.Errorf("%s, %s: %q of %d requests", name, way, got, s.n.Load())
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

// odd are records with values of types nobody expects. %s is "contact" or "message".
var odd = []string{
	`{"id":1}`, `{}`, `{"id":"007"}`, `{"id":-1}`, `{"id":{"a":[1,2,{"b":"}]"}]}}`, `{"id":null,"x":null}`, `{"id":1.5,"user_id":1e3}`,
	`{"id":2,"first_name":5,"rendered_copy":5,"title":true}`, `{"id":3,"email_confidence":"90","team_id":"5"}`, `{"email_confidence":"5.5"}`,
	`{"contact_account":7,"sent_at":7}`, `{"contact_account":{"id":"9","status":[1],"y":{}},"sent_at":"never"}`, `{"contact_account":null}`,
	`{"created_at":"2021-01-19T17:06:25.730-05:00","updated_at":"yesterday","sent_at":"2021-01-19"}`, `{"lists":[1,{"a":"]"}],"label_names":null,"unstructured_data":{"a":{}}}`,
	`{"name":"a","name":5,"x":1,"x":2,"rendered_copy":"a","rendered_copy":[]}`, `{"name":{"name":{"name":[[[]]]}},"id":4}`, `{"fist_name":"F","id":5}`, `{"fist_name":"F","first_name":7}`,
	`{"%s":{"id":6,"title":5,"rendered_copy":{}},"beside":[1]}`, `{"%s":{"id":7},"id":[8]}`, `{"%s":5,"id":9}`, `{"%s":{"%s":{"id":10}}}`,
	"{\"name\":\"\xff\xfe\",\"x\xff\":\"\\ud800\"}", `{"":1,"\u0069d":11,"a\"b":"\n\/"}`, "{ \"id\" :\t\"12\" ,\r\n\"x\": [ ] }",
	`{"id":` + strings.Repeat("9", 500) + `,"x":1e999}`, `{"title":` + strings.Repeat(`[{"a":`, 100) + "0" + strings.Repeat("}]", 100) + "}",
	`{"id":13,"name":"` + strings.Repeat("\\u00e9x", 300) + `","title":["` + strings.Repeat("y", 4000) + `"]}`,
}

// TestStreamIsList: whatever the records are, Stream decodes them as List does, and keeps
// them when others follow.
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
				return scripted(t, bodies(func(int, *http.Request) io.Reader { return arrive(strings.NewReader(body(name))) }))
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
	want, err := list(t.Context(), everything)
	if err != nil || len(want) != n {
		t.Fatalf("%d elements, %v", len(want), err)
	}
	got, err := drain(t, stream(t.Context(), everything))
	if err != nil {
		t.Fatal(err)
	}
	raw := cmp.Comparer(func(a, b json.RawMessage) bool { return bytes.Equal(a, b) && (a == nil) == (b == nil) })
	if diff := cmp.Diff(want, got, raw); diff != "" {
		t.Errorf("Stream is not List: %s", diff)
	}
}

// TestStreamReplay: it is sent again while nobody has seen anything of it, and never once
// somebody has.
func TestStreamReplay(t *testing.T) {
	t.Parallel()
	reset := errors.New("connection reset by peer")
	status := func(code int) func() (*http.Response, error) {
		return func() (*http.Response, error) { return reply(code, "{}"), nil }
	}
	cut := func(body string) func() (*http.Response, error) {
		return func() (*http.Response, error) {
			res := reply(200, "")
			res.Body = io.NopCloser(broken(body, reset))
			return res, nil
		}
	}
	text := func(body string) func() (*http.Response, error) {
		return func() (*http.Response, error) { return reply(200, body), nil }
	}
	for name, tt := range map[string]struct {
		first    func() (*http.Response, error)
		again    bool
		elements int   // of the first answer
		is       error // where it is not sent again
	}{
		"reset":                 {first: func() (*http.Response, error) { return nil, reset }, again: true, is: reset},
		"408":                   {first: status(408), again: true},
		"429":                   {first: status(429), again: true, is: growthgenius.ErrRateLimited},
		"503":                   {first: status(503), again: true, is: growthgenius.ErrServer},
		"cut at the beginning":  {first: cut(""), again: true, is: reset},
		"cut in the envelope":   {first: cut(`{"x":[1],"cont`), again: true, is: reset},
		"cut before an element": {first: cut(`{"x":[1],"contacts":[null,`), again: true, is: reset},
		"cut in an element":     {first: cut(`{"contacts":[{"id":8,"name":"`), again: true, is: reset},
		"cut in an odd element": {first: cut(`{"contacts":[{"id":[8],"name":"`), again: true, is: reset},
		"cut behind no element": {first: cut(`{"contacts":[]`), again: true, is: reset},
		"cut behind an element": {first: cut(`{"contacts":[{"id":8}`), elements: 1, is: reset},
		"cut in the second":     {first: cut(`{"contacts":[{"id":8},{"id":9,`), elements: 1, is: reset},
		"cut behind the list":   {first: cut(`{"contacts":[{"id":8},{"id":9}]`), elements: 2, is: reset},
		"cut behind the end":    {first: cut(`{"contacts":[{"id":8},{"id":9}]}`), elements: 2, is: reset},
		"a page":                {first: text("<html>"), is: growthgenius.ErrDecode},
		"an early end":          {first: text(`{"contacts":[{"id":8`), is: growthgenius.ErrDecode},
		"404":                   {first: status(404), is: growthgenius.ErrNotFound},
	} {
		synctest.Test(t, func(t *testing.T) {
			s := &script{answer: func(n int, _ *http.Request) (*http.Response, error) {
				if n == 1 {
					return tt.first()
				}
				return reply(200, `{"contacts":[{"id":1},{"id":2}]}`), nil
			}}
			c := scripted(t, s)
			for _, opts := range [][]growthgenius.RequestOption{nil, {growthgenius.NoRetry()}} {
				s.n.Store(0)
				want, is, attempts := tt.elements, tt.is, 1
				again := tt.again && opts == nil
				if again {
					want, is, attempts = 2, nil, 2
				}
				var info growthgenius.ResponseInfo
				contacts, err := drain(t, c.Contacts.Stream(t.Context(), everything, append(opts, growthgenius.CaptureResponse(&info))...))
				if len(contacts) != want || (err == nil) != again || is != nil && !errors.Is(err, is) {
					t.Errorf("%s: %d elements, %v", name, len(contacts), err)
				}
				if n := s.n.Load(); int(n) != attempts || want > 0 && info.Attempts != attempts {
					t.Errorf("%s: %d requests, %d attempts", name, n, info.Attempts)
				}
			}
		})
	}
}

// TestStreamGivesUp: before its first element it is tried as often as any call.
func TestStreamGivesUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := bodies(func(int, *http.Request) io.Reader { return broken(`{"contacts":[{`, io.ErrUnexpectedEOF) })
		contacts, err := drain(t, scripted(t, s).Contacts.Stream(t.Context(), everything))
		if len(contacts) != 0 || !errors.Is(err, io.ErrUnexpectedEOF) || s.n.Load() != 4 {
			t.Errorf("%d elements of %d requests, %v", len(contacts), s.n.Load(), err)
		}
	})
}

// TestStreamTime: the attempt timeout is for the answer's head and for each wait for more
// of it, and takes no notice of what the loop does.
func TestStreamTime(t *testing.T) {
	t.Parallel()
	const timeout = 30 * time.Second // the default
	elements := []string{`{"contacts":[{"id":1}`, `,{"id":2}`, `,{"id":3}`, `]}`}
	for name, tt := range map[string]struct {
		head, piece, loop time.Duration // what each takes
		elements          int
		timeouts          int           // attempts that ended in one
		took              time.Duration // the backoff not included
	}{
		"a slow loop":   {loop: 10 * time.Minute, elements: 3, took: 30 * time.Minute},
		"a slow server": {head: timeout - 1, piece: timeout - 1, elements: 3, took: 5 * (timeout - 1)},
		"all slow":      {head: timeout - 1, piece: timeout - 1, loop: time.Hour, elements: 3, took: 3*time.Hour + 5*(timeout-1)},
		"no head":       {head: time.Hour, timeouts: 4, took: 4 * timeout},
		"no body":       {head: timeout - 1, piece: time.Hour, timeouts: 4, took: 4 * (2*timeout - 1)},
	} {
		synctest.Test(t, func(t *testing.T) {
			wait := func(ctx context.Context, d time.Duration) error {
				select {
				case <-ctx.Done():
					return ctx.Err()
				case <-time.After(d):
					return nil
				}
			}
			s := &script{answer: func(_ int, r *http.Request) (*http.Response, error) {
				if err := wait(r.Context(), tt.head); err != nil {
					return nil, err
				}
				left := elements
				res := reply(200, "")
				res.Body = io.NopCloser(readFunc(func(p []byte) (int, error) { //nolint:contextcheck // it is the request's
					if len(left) == 0 {
						return 0, io.EOF
					}
					if err := wait(r.Context(), tt.piece); err != nil {
						return 0, err
					}
					n := copy(p, left[0])
					left = left[1:]
					return n, nil
				}))
				return res, nil
			}}
			c := scripted(t, s, growthgenius.WithRetry(growthgenius.RetryPolicy{MinBackoff: 1, MaxBackoff: 1}))
			begun, n := time.Now(), 0
			var err error
			for _, e := range c.Contacts.Stream(t.Context(), everything) {
				if err = e; e == nil {
					n++
					time.Sleep(tt.loop)
				}
			}
			took := time.Since(begun)
			if n != tt.elements || took.Round(time.Millisecond) != tt.took.Round(time.Millisecond) || int(s.n.Load()) != max(1, tt.timeouts) {
				t.Errorf("%s: %d elements of %d requests in %s, %v", name, n, s.n.Load(), took, err)
			}
			if tt.timeouts > 0 {
				isTimeout(t, err)
			} else if err != nil {
				t.Errorf("%s: %v", name, err)
			}
		})
	}
}

// isTimeout checks that an error is an attempt's timeout, and no deadline of the caller's.
func isTimeout(t *testing.T, err error) {
	t.Helper()
	timeout, ok := errors.AsType[net.Error](err)
	if !ok || !timeout.Timeout() || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		t.Errorf("%v is not the timeout of an attempt", err)
	}
}

// TestStreamStalls: a wait in the middle ends when the attempt's time is up, or at once
// when the caller's is.
func TestStreamStalls(t *testing.T) {
	t.Parallel()
	stall := func() *script {
		return bodies(func(_ int, r *http.Request) io.Reader {
			return stuck{strings.NewReader(`{"contacts":[{"id":1},{"id":2},{`), r.Context()}
		})
	}
	synctest.Test(t, func(t *testing.T) {
		begun, s := time.Now(), stall()
		contacts, err := drain(t, scripted(t, s, growthgenius.WithAttemptTimeout(7*time.Second)).Contacts.Stream(t.Context(), everything))
		isTimeout(t, err)
		if took := time.Since(begun); len(contacts) != 2 || took != 7*time.Second || s.n.Load() != 1 {
			t.Errorf("%d elements of %d requests in %s, %v", len(contacts), s.n.Load(), took, err)
		}
	})
	for ending, ends := range endings {
		synctest.Test(t, func(t *testing.T) {
			begun, s := time.Now(), stall()
			ctx, cancel := ends(t.Context())
			defer cancel()
			contacts, err := drain(t, scripted(t, s).Contacts.Stream(ctx, everything))
			if took := time.Since(begun); len(contacts) != 2 || took != time.Second || !errors.Is(err, ending) || s.n.Load() != 1 {
				t.Errorf("%d elements of %d requests in %s, %v", len(contacts), s.n.Load(), took, err)
			}
		})
	}
}

// TestStreamCanceledByTheLoop: what has arrived is handed over, nothing more is read, and
// the error says why, unless all has been read.
func TestStreamCanceledByTheLoop(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		by              growthgenius.ID // the element in whose turn it is
		pieces          []string        // the last one comes with the end
		elements, reads int
		is              error
	}{
		{"1", []string{`{"contacts":[{"id":1},{"id":2}`, `,{"id":3}`, `]}`}, 2, 1, context.Canceled},
		{"2", []string{`{"contacts":[{"id":1},{"id":2}`, `,{"id":3}`, `]}`}, 2, 1, context.Canceled},
		{"3", []string{`{"contacts":[{"id":1},{"id":2}`, `,{"id":3}`, `]}`}, 3, 2, context.Canceled},
		{"2", []string{`{"contacts":[{"id":1},{"id":2}`, `,{"id":3}]}`}, 2, 1, context.Canceled},
		{"3", []string{`{"contacts":[{"id":1},{"id":2}`, `,{"id":3}]}`}, 3, 2, nil},
		{"1", []string{`{"contacts":[{"id":1},{"id":2},{"id":3}]}`}, 3, 1, nil},
	} {
		ctx, cancel := context.WithCancel(t.Context())
		reads := 0
		c := scripted(t, bodies(func(int, *http.Request) io.Reader {
			return readFunc(func(p []byte) (int, error) {
				reads++
				if reads == len(tt.pieces) {
					return copy(p, tt.pieces[reads-1]), io.EOF
				}
				return copy(p, tt.pieces[reads-1]), nil
			})
		}))
		n := 0
		var err error
		for contact, e := range c.Contacts.Stream(ctx, everything) {
			if err = e; e != nil {
				continue
			}
			n++
			if contact.ID == tt.by {
				cancel()
			}
		}
		cancel()
		if n != tt.elements || reads != tt.reads || (err != nil) != (tt.is != nil) || !errors.Is(err, tt.is) {
			t.Errorf("%q, canceled by %s: %d elements in %d reads, %v", tt.pieces, tt.by, n, reads, err)
		}
	}
}

// TestStreamRequest: it is made when the loop begins, as List makes its own, and again for
// each loop. Two that run at once have nothing in common.
func TestStreamRequest(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var sent []*http.Request
		turns := &counting{}
		s := &script{answer: func(_ int, r *http.Request) (*http.Response, error) {
			sent = append(sent, r)
			return reply(200, `{"messages":[{"id":1},{"id":2},{"id":3}]}`), nil
		}}
		c := scripted(t, s, growthgenius.WithLimiter(turns))
		to := time.Now().Add(time.Hour)
		opts := make([]growthgenius.RequestOption, 1, 4)
		opts[0] = growthgenius.WithHeader("X-Test", "a")
		first := c.Messages.Stream(t.Context(), growthgenius.ListOptions{To: to}, append(opts, growthgenius.AsUser("7"))...)
		second := c.Messages.Stream(t.Context(), everything, append(opts, growthgenius.AsUser("8"))...) // in the same array
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
			user, until := "8", time.Now().Add(24*time.Hour-time.Duration(3-i)*time.Hour) // the loop goes on
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

// TestStreamShared: one stream may be ranged over by many at once.
func TestStreamShared(t *testing.T) {
	t.Parallel()
	s := text(`{"contacts":[` + strings.Repeat(`{"id":1},`, 5000) + `{"id":2}]}`)
	seq := scripted(t, s).Contacts.Stream(t.Context(), everything)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			if contacts, err := drain(t, seq); err != nil || len(contacts) != 5001 || contacts[5000].ID != "2" {
				t.Errorf("%d elements, %v", len(contacts), err)
			}
		})
	}
	wg.Wait()
	if n := s.n.Load(); n != 4 {
		t.Errorf("%d requests", n)
	}
}

// TestStreamRefused: mistakes are told by the loop, and nothing is sent.
func TestStreamRefused(t *testing.T) {
	t.Parallel()
	s := text(`{"contacts":[]}`)
	c := scripted(t, s)
	now := time.Now()
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for name, seq := range map[string]iter.Seq2[*growthgenius.Contact, error]{
		"From after To": c.Contacts.Stream(t.Context(), growthgenius.ListOptions{From: now, To: now.Add(-time.Hour)}),
		"a header":      c.Contacts.Stream(t.Context(), everything, growthgenius.WithHeader("Authorization", "x")),
		"no user":       c.ForUser("").Contacts.Stream(t.Context(), everything),
	} {
		contacts, err := drain(t, seq)
		if len(contacts) != 0 || !errors.Is(err, growthgenius.ErrInvalidInput) || !strings.Contains(err.Error(), "GET /contacts") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := drain(t, c.Contacts.Stream(ended, everything)); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	if n := s.n.Load(); n != 0 {
		t.Errorf("%d requests", n)
	}
}

// TestStreamCapture: it is written before the first element is handed over, by each loop
// anew, and left alone where no answer came.
func TestStreamCapture(t *testing.T) {
	t.Parallel()
	var info growthgenius.ResponseInfo
	c := scripted(t, text(`{"contacts":[{"id":1},{"id":2}]}`))
	seq := c.Contacts.Stream(t.Context(), everything, growthgenius.CaptureResponse(&info))
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
	for _, s := range []*script{
		{answer: func(int, *http.Request) (*http.Response, error) { return nil, errors.New("no connection") }},
		bodies(func(int, *http.Request) io.Reader { return broken(`{"contacts":[{`, errors.New("reset")) }),
	} {
		info = before
		_, err := drain(t, scripted(t, s).Contacts.Stream(t.Context(), everything, growthgenius.NoRetry(), growthgenius.CaptureResponse(&info)))
		if err == nil || !reflect.DeepEqual(info, before) {
			t.Errorf("%+v, %v", info, err)
		}
	}
	_, err := drain(t, scripted(t, &script{answer: func(int, *http.Request) (*http.Response, error) { return reply(404, ""), nil }}).
		Contacts.Stream(t.Context(), everything, growthgenius.CaptureResponse(&info)))
	if !errors.Is(err, growthgenius.ErrNotFound) || info.StatusCode != 404 {
		t.Errorf("%+v, %v", info, err)
	}
}

// TestStreamStrict: an oddity is an error where it stands, and the last thing there is.
func TestStreamStrict(t *testing.T) {
	t.Parallel()
	for body, tt := range map[string]struct {
		ids, says string
	}{
		`{"contacts":[{"id":1},{"id":2}]}`:                                        {"12", ""},
		`{"contacts":[{"id":1},{"id":2,"title":5},{"id":3}]}`:                     {"1", "Contact.title has an unexpected type (a number)"},
		`{"contacts":[{"id":1,"shoe_size":[]},{"id":2}]}`:                         {"", "Contact.shoe_size is unknown (an array)"},
		`{"contacts":[{"id":1,"contact_account":{"x":1}},{"id":2}]}`:              {"", "ContactAccount.x is unknown (a number)"},
		`{"contacts":[{"id":1},null,{"id":2}]}`:                                   {"1", "the answer.contacts[] is unknown (null)"},
		`{"page":1,"contacts":[{"id":1}]}`:                                        {"", "the answer.page is unknown (a number)"},
		`{"contacts":[{"id":1},{"id":2}],"page":1}`:                               {"12", "the answer.page is unknown (a number)"},
		`{"a":1,"b":2,"contacts":[` + strings.Repeat("null,", 999) + `{"id":1}]}`: {"", "the answer.a is unknown (a number); the answer.b is unknown (a number); the answer.contacts[] is unknown (null)"},
	} {
		contacts, err := drain(t, scripted(t, text(body), growthgenius.WithStrictDecoding()).Contacts.Stream(t.Context(), everything))
		if ids(contacts) != tt.ids || errors.Is(err, growthgenius.ErrDecode) != (tt.says != "") || err != nil && !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%s: %q, %v", body, ids(contacts), err)
		}
	}
}

// TestStreamLogs: each oddity once, however often it comes.
func TestStreamLogs(t *testing.T) {
	t.Parallel()
	var log journal
	c := scripted(t, text(`{"page":1,"contacts":[`+strings.Repeat(`{"title":5,"shoe_size":[]},null,`, 9)+`{}],"rest":{}}`), log.option())
	for range 2 {
		if contacts, err := drain(t, c.Contacts.Stream(t.Context(), everything)); err != nil || len(contacts) != 10 {
			t.Fatalf("%d elements, %v", len(contacts), err)
		}
	}
	var got []string
	for _, l := range log.lines(t) {
		if l.Level == "WARN" {
			got = append(got, l.Msg)
		}
	}
	slices.Sort(got)
	want := []string{
		"Contact.shoe_size is unknown (an array); its value is kept", "Contact.title has an unexpected type (a number); its value is kept",
		"the answer.contacts[] is unknown (null); it is ignored", "the answer.page is unknown (a number); it is ignored", "the answer.rest is unknown (an object); it is ignored",
	}
	if !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
}

// TestStreamKeepsSecrets: a server that has the key for an id does not get it printed.
func TestStreamKeepsSecrets(t *testing.T) {
	t.Parallel()
	for _, before := range []string{"", `{"id":1},`} {
		c := scripted(t, text(`{"contacts":[`+before+`{"id":"SECRET","name":"`+strings.Repeat("x", 100_000)+`"}]}`), growthgenius.WithMaxResponseBytes(1000))
		_, err := drain(t, c.Contacts.Stream(t.Context(), everything))
		if !errors.Is(err, growthgenius.ErrResponseTooLarge) || strings.Contains(err.Error(), "SECRET") {
			t.Errorf("%v", err)
		}
	}
}

// TestReadBackStreams: a create is found in a list that is longer than any answer may be,
// and that breaks off the first time.
func TestReadBackStreams(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, srv *timeless) {
		c := srv.client(growthgenius.WithMaxResponseBytes(8 << 10))
		now := time.Now()
		for range 20 {
			srv.AddContacts(growthgenius.Contact{UpdatedAt: now})
		}
		if _, err := c.Contacts.List(t.Context(), everything); !errors.Is(err, growthgenius.ErrResponseTooLarge) {
			t.Fatalf("the list is too short: %v", err)
		}
		srv.Inject(growthgeniustest.Fault{Method: "POST", Status: 503, Commit: true, Times: 1},
			growthgeniustest.Fault{Method: "GET", Effect: growthgeniustest.Truncate, Times: 1})
		contact, err := c.Contacts.Create(t.Context(), steve)
		if err != nil || contact.Email != "sjobs@apple.com" || len(srv.Ledger()) != 1 {
			t.Errorf("%+v, %v", contact, err)
		}
	})
}
