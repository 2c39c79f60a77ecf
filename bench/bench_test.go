package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path"
	"path/filepath"
	"reflect"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/growthgenius/growthgenius-go"
	"github.com/growthgenius/growthgenius-go/ledger"
)

func TestMain(m *testing.M) {
	var err error
	switch { // started by a test, as its server
	case os.Getenv(crmEnv) != "":
		err = serveCRM(os.Stdin, os.Stdout)
	case os.Getenv(serveEnv) != "":
		err = serve(context.Background(), os.Stdin, os.Stdout)
	default:
		os.Exit(m.Run())
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// singles is a transport that responds to a GET of a contact from memory, as the server
// does.
type singles [][]byte

func (all singles) RoundTrip(req *http.Request) (*http.Response, error) {
	id, err := strconv.Atoi(path.Base(req.URL.Path))
	if err != nil {
		return nil, err
	}
	return inMemory(all[id-firstID]).RoundTrip(req)
}

// TestAllocations measures a Get without what net/http's transport does. Its allocations depend
// neither on the machine nor on its load. The bounds are a little above what was
// measured.
func TestAllocations(t *testing.T) {
	const (
		maxAllocs, maxAllocsOfHand = 31.5, 0.41
		maxBytes, maxBytesOfHand   = 5100, 0.56
	)
	defer debug.SetGCPercent(debug.SetGCPercent(-1)) // keeps the pools filled
	r, err := newRecord()
	if err != nil {
		t.Fatal(err)
	}
	transport := new(http.Transport)
	transport.TLSNextProto = map[string]func(string, *tls.Conn) http.RoundTripper{} // no HTTP/2
	transport.RegisterProtocol("https", singles(r.singles()))
	hc := &http.Client{Transport: transport}
	measure := func(connect func(string, *http.Client) (call, error)) sample {
		c, err := connect("https://api.example.com", hc)
		if err != nil {
			t.Fatal(err)
		}
		var s sample
		for range 2 { // the first run is a warm-up
			if s, err = metered(people, func() error { return repeat(t.Context(), c, people, 1) }); err != nil {
				t.Fatal(err)
			}
		}
		return s
	}
	hand, sdk := measure(connectByHand), measure(connectOurs)
	t.Logf("by hand %.1f allocations of %.0f bytes, the SDK %.1f of %.0f", hand.allocs, hand.bytes, sdk.allocs, sdk.bytes)
	if sdk.allocs > maxAllocs || sdk.allocs > maxAllocsOfHand*hand.allocs {
		t.Errorf("%.1f allocations per Get, %.1f by hand", sdk.allocs, hand.allocs)
	}
	if sdk.bytes > maxBytes || sdk.bytes > maxBytesOfHand*hand.bytes {
		t.Errorf("%.0f bytes per Get, %.0f by hand", sdk.bytes, hand.bytes)
	}
}

// TestStreamHeap checks that the SDK does not hold a list as a whole. One of the readers
// does, which shows that the test can fail.
func TestStreamHeap(t *testing.T) {
	// One more than a limit that a server may have: of a list as long as that, the SDK asks
	// for a part once more, and leaves the response.
	const contacts, most = 10_001, 24 << 20
	r, err := newRecord()
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if err := r.list(w, contacts); err != nil {
			t.Error(err)
		}
	}))
	defer srv.Close()
	for _, reader := range readers {
		peak, err := peakHeap(func(sample func()) error {
			n, err := reader.read(t.Context(), srv.URL, srv.Client(), sample, sample)
			if err == nil && n != contacts && reader.name != floor {
				err = fmt.Errorf("got %d contacts", n)
			}
			return err
		})
		t.Logf("%s: %.1f MiB", reader.name, peak/(1<<20))
		if err != nil || (peak > most) != (reader.name == readAll) {
			t.Errorf("%s held %.1f MiB, error %v", reader.name, peak/(1<<20), err)
		}
	}
}

func TestConnections(t *testing.T) {
	t.Parallel()
	const requests, burst = 640, 64
	opened := func(connect func(string, *http.Client) (call, error)) int64 {
		b, err := newBursts(burst)
		if err != nil {
			t.Fatal(err)
		}
		defer b.Close()
		c, err := connect(b.URL+"/"+ours, nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := b.drive(t.Context(), c, requests); err != nil {
			t.Fatal(err)
		}
		if n := b.requests.Load(); n != requests {
			t.Errorf("%d requests for %d calls", n, requests)
		}
		return b.opened.Load()
	}
	if n := opened(connectOurs); n > 70 {
		t.Errorf("the SDK opened %d connections for %d requests, %d at a time", n, requests, burst)
	}
	if n := opened(connectByHand); n < requests/2 {
		t.Errorf("net/http opened only %d connections: the comparison is meaningless", n)
	}
}

// TestClients checks that each client gets the requested record with one request.
func TestClients(t *testing.T) {
	t.Parallel()
	handler, err := newHandler()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range clients {
		t.Run(c.payload+" by "+c.name, func(t *testing.T) {
			t.Parallel()
			body, err := payload(c.payload)
			if err != nil || len(body) < 1600 || len(body) > 1900 {
				t.Errorf("the payload has %d bytes, error %v", len(body), err)
			}
			var requests atomic.Int64
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
				requests.Add(1)
				handler.ServeHTTP(w, req)
			}))
			defer srv.Close()
			call, err := c.connect(srv.URL+"/"+c.payload, srv.Client())
			if err != nil {
				t.Fatal(err)
			}
			for range 2 {
				requests.Store(0)
				if err := call(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			if n := requests.Load(); n != 1 {
				t.Errorf("%d requests for one call", n)
			}
			if call, err = c.connect(srv.URL+"/nobody", srv.Client()); err == nil {
				err = call(t.Context())
			}
			if err == nil && c.name != floor && c.name != "stripe-go" { // which accepts no prefix
				t.Error("a missing record was accepted as the right one")
			}
		})
	}
}

// TestRecord checks that the sample is the reference's, and that the differences between
// contacts keep its shape.
func TestRecord(t *testing.T) {
	t.Parallel()
	sample, err := os.ReadFile(filepath.Join("..", "testdata", "contact.json"))
	if err != nil {
		t.Fatal(err)
	}
	ourSample, err := payloadFiles.ReadFile("payloads/" + ours + ".json")
	if err != nil || !bytes.Equal(sample, ourSample) {
		t.Errorf("the payload is not the reference's sample: %v", err)
	}
	r, err := newRecord()
	if err != nil {
		t.Fatal(err)
	}
	for id := range 3 {
		var c growthgenius.Contact
		if err := json.Unmarshal(r.single(firstID+id), &c); err != nil {
			t.Fatal(err)
		}
		digits := strconv.Itoa((firstID + id) % 1_000_000)
		if want := "Tony B" + digits; string(c.ID) != strconv.Itoa(firstID+id) || c.Name != want || c.LinkedInUsername != "tony-barkley-92"+digits {
			t.Errorf("contact %d is %s, %s, %s", id, c.ID, c.Name, c.LinkedInUsername)
		}
		if len(c.Extra) > 0 {
			t.Errorf("unknown to the SDK: %v", c.Extra)
		}
	}
	var list bytes.Buffer
	if err := r.list(&list, 3); err != nil || !json.Valid(list.Bytes()) {
		t.Errorf("invalid JSON, error %v: %s", err, &list)
	}
	if page := r.page(2, 2, 3); !json.Valid(page) || bytes.Count(page, []byte(`{"contact":`)) != 1 {
		t.Errorf("not the second page of two: %s", page)
	}
}

// TestPlainFields checks that the hand-written struct has all fields of the SDK's.
func TestPlainFields(t *testing.T) {
	t.Parallel()
	keys := func(of reflect.Type) map[string]string {
		all := map[string]string{}
		for f := range of.Fields() {
			if key, _, _ := strings.Cut(f.Tag.Get("json"), ","); key != "" {
				all[key] = f.Name
			}
		}
		return all
	}
	want, got := keys(reflect.TypeFor[growthgenius.Contact]()), keys(reflect.TypeFor[plainContact]())
	if len(want) != 58 || !reflect.DeepEqual(want, got) {
		t.Errorf("the SDK has %d fields:\n%v\nhand-written code %d:\n%v", len(want), want, len(got), got)
	}
}

func TestDecoders(t *testing.T) {
	t.Parallel()
	all, err := responses()
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range all {
		r.repeats = 1
		for i := range r.decoders {
			if err := r.repeat(t.Context(), i); err != nil {
				t.Error(err)
			}
		}
		r.contacts++
		if err := r.repeat(t.Context(), 0); err == nil {
			t.Error("a missing contact was not noticed")
		}
	}
}

// TestDecodeAllocations: what the SDK allocates for a contact, of what encoding/json does. The
// bounds are a little above what was measured.
func TestDecodeAllocations(t *testing.T) {
	most := map[string]struct{ allocs, bytes float64 }{
		"one contact": {0.11, 0.85}, "a search page of 100": {0.10, 0.99}, "a list of 10,000": {0.10, 0.57},
	}
	all, err := responses()
	if err != nil {
		t.Fatal(err)
	}
	defer debug.SetGCPercent(debug.SetGCPercent(-1)) // keeps the pools filled
	for _, r := range all {
		r.repeats = min(r.repeats, 20)
		var taken []sample
		for i := range r.decoders {
			var s sample
			runtime.GC()
			for range 2 { // the first run is a warm-up
				if s, err = metered(r.repeats*r.contacts, func() error { return r.repeat(t.Context(), i) }); err != nil {
					t.Fatal(err)
				}
			}
			taken = append(taken, s)
		}
		v1, sdk := taken[0], taken[len(taken)-1]
		t.Logf("%s: encoding/json %.1f allocations of %.0f bytes, the SDK %.1f of %.0f", r.name, v1.allocs, v1.bytes, sdk.allocs, sdk.bytes)
		if sdk.allocs > most[r.name].allocs*v1.allocs || sdk.bytes > most[r.name].bytes*v1.bytes {
			t.Errorf("%s: %.2f of the allocations, %.2f of the bytes", r.name, sdk.allocs/v1.allocs, sdk.bytes/v1.bytes)
		}
	}
}

func TestSpread(t *testing.T) {
	t.Parallel()
	if got, want := spreadOf([]float64{5, 1, 3, 2, 4}), (spread{3, 2, 4}); got != want {
		t.Errorf("%v, want %v", got, want)
	}
	if got, want := spreadOf([]float64{1, 2}), (spread{1.5, 1.25, 1.75}); got != want {
		t.Errorf("%v, want %v", got, want)
	}
	if got, want := (samples{{seconds: 2}, {seconds: 9}}).over(samples{{seconds: 1}, {seconds: 3}}, seconds), (spread{2.5, 2.25, 2.75}); got != want {
		t.Errorf("%v, want %v", got, want)
	}
}

func TestFloor(t *testing.T) {
	t.Parallel()
	s := settings{Pages: 50, Latency: 40 * time.Millisecond}
	for _, c := range []struct {
		work     time.Duration
		prefetch int
		want     time.Duration
	}{
		{0, 0, 2 * time.Second}, {0, 1, 2 * time.Second}, {0, 4, 560 * time.Millisecond},
		{40 * time.Millisecond, 0, 4 * time.Second}, {40 * time.Millisecond, 1, 2040 * time.Millisecond},
	} {
		if got := s.floor(c.work, c.prefetch); got != c.want {
			t.Errorf("work %s, prefetch %d: %s, want %s", c.work, c.prefetch, got, c.want)
		}
	}
}

func TestCommand(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	results, charts := filepath.Join(dir, "results.json"), filepath.Join(dir, "new", "charts")
	var first, again strings.Builder
	small := []string{
		"-rounds", "1", "-calls", "2", "-goroutines", "2", "-contacts", "20", "-streams", "1", "-pages", "3",
		"-latency", "1ms", "-pagers", "1", "-requests", "9", "-burst", "4", "-bursts", "1",
		"-entries", "2", "-ledgers", "1", "-rows", "50", "-row-latency", "1ms", "-most", "30", "-lost", "2", "-json", results,
	}
	if err := command(t.Context(), small, &first); err != nil {
		t.Fatal(err)
	}
	if err := command(t.Context(), []string{"-from", results, "-svg", charts}, &again); err != nil {
		t.Fatal(err)
	}
	if first.String() != again.String() {
		t.Errorf("the tables differ after a round trip through JSON:\n%s\n%s", &first, &again)
	}
	for _, sec := range sections {
		svg, err := os.ReadFile(filepath.Join(charts, chart{}.file(sec.name)))
		if err != nil {
			t.Error(err)
			continue
		}
		for decoder := xml.NewDecoder(bytes.NewReader(svg)); ; {
			if _, err := decoder.Token(); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Fatalf("the chart of %s is not valid XML: %v", sec.name, err)
			}
		}
	}
	if err := command(t.Context(), []string{"-only", "nonsense"}, io.Discard); err == nil {
		t.Error("an unknown section was accepted")
	}
}

// TestOneSection: if some sections are measured into a file with earlier results, they replace
// theirs, and everything else stays, with its settings.
func TestOneSection(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "results.json")
	run := func(args ...string) report {
		if err := command(t.Context(), append(args, "-json", file), io.Discard); err != nil {
			t.Fatal(err)
		}
		rep, err := readReport(file)
		if err != nil {
			t.Fatal(err)
		}
		return rep
	}
	first := run("-only", "ledger", "-entries", "2", "-ledgers", "1")
	if first.Settings.Entries != 2 || len(first.Ledger) == 0 || len(first.Stream) > 0 {
		t.Errorf("the first results are %+v", first)
	}
	second := run("-only", "stream", "-contacts", "20", "-streams", "1")
	if !slices.Equal(second.Ledger, first.Ledger) || len(second.Stream) == 0 ||
		second.Settings.Entries != 2 || second.Settings.Contacts != 20 || second.Settings.Pages != first.Settings.Pages {
		t.Errorf("the first results were %+v, and they are %+v", first, second)
	}
	if third := run("-only", "stream", "-streams", "2"); third.Settings.Contacts != 20 || third.Settings.Streams != 2 {
		t.Errorf("then they are %+v", third)
	}
	second.Machine.CPUs++
	if err := second.write(file); err != nil {
		t.Fatal(err)
	}
	if err := command(t.Context(), []string{"-only", "stream", "-json", file}, io.Discard); err == nil {
		t.Error("the results of two machines are in one file")
	}
}

// TestStepsTo: each number is ten times the last.
func TestStepsTo(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		least, most int
		want        []int
	}{{1000, 100_000, []int{1000, 10_000, 100_000}}, {10, 10, []int{10}}, {10, 3, []int{3}}, {10, 999, []int{10, 100}}} {
		if got := stepsTo(test.least, test.most); !slices.Equal(got, test.want) {
			t.Errorf("from %d to %d: %v", test.least, test.most, got)
		}
	}
}

// TestDocumentation checks that the documentation shows the results beside it.
func TestDocumentation(t *testing.T) {
	t.Parallel()
	docs := filepath.Join("..", "docs")
	read := func(name string) string {
		text, err := os.ReadFile(filepath.Join(docs, name))
		if err != nil {
			t.Fatal(err)
		}
		return strings.ReplaceAll(string(text), "\r\n", "\n")
	}
	var rep report
	if err := json.Unmarshal([]byte(read("performance.json")), &rep); err != nil {
		t.Fatal(err)
	}
	page := read("performance.md")
	for _, sec := range sections {
		for _, table := range sec.tables(rep) {
			if !strings.Contains(page, table.String()) {
				t.Errorf("docs/performance.md lacks this table of the results:\n%s", table)
			}
		}
		c := sec.chart(rep)
		if len(c.groups) == 0 { // it is not measured yet
			continue
		}
		if file := c.file(sec.name); read(file) != c.String() || !strings.Contains(page, "("+file+")") {
			t.Errorf("docs/%s is not the chart of the results, or the page does not show it: draw it with -from and -svg", file)
		}
	}
}

// TestImport: each row that changes something costs one request, beside a few lists.
func TestImport(t *testing.T) {
	const rows = 3000
	srv, err := startCRM(rows, 5*time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	defer srv.Close()
	r, err := importInto(t.Context(), srv.URL(), rows, ledger.NewMemory())
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%+v", r)
	if r.Changed != rows*9/10 || r.Requests > 1.02 || r.Lists > 20 || r.InFlight <= 0 || r.InFlight > 1.01 {
		t.Errorf("got %+v", r)
	}
}
