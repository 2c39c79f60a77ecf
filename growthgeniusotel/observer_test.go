package growthgeniusotel_test

import (
	"cmp"
	"fmt"
	"iter"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"github.com/growthgenius/growthgenius-go"
	"github.com/growthgenius/growthgenius-go/bulk"
	"github.com/growthgenius/growthgenius-go/growthgeniusotel"
	"github.com/growthgenius/growthgenius-go/growthgeniustest"
	"github.com/growthgenius/growthgenius-go/internal/testkit"
	"github.com/growthgenius/growthgenius-go/ledger"
)

// collected is where the spans and metrics of a test go.
type collected struct {
	spans  *tracetest.InMemoryExporter
	reader *sdkmetric.ManualReader
	growthgeniusotel.Config
}

func collect() *collected {
	c := &collected{spans: tracetest.NewInMemoryExporter(), reader: sdkmetric.NewManualReader()}
	c.TracerProvider = sdktrace.NewTracerProvider(sdktrace.WithSyncer(c.spans))
	c.MeterProvider = sdkmetric.NewMeterProvider(sdkmetric.WithReader(c.reader))
	return c
}

func (c *collected) option() growthgenius.Option {
	return growthgenius.WithObserver(growthgeniusotel.NewObserver(c.Config))
}

// tree returns the spans in lines, the children below their parents, with their attributes and
// events. Durations of random waits are left out.
func (c *collected) tree() string {
	var b strings.Builder
	spans := c.spans.GetSpans()
	slices.SortStableFunc(spans, func(a, b tracetest.SpanStub) int {
		return cmp.Or(a.StartTime.Compare(b.StartTime), b.EndTime.Compare(a.EndTime))
	})
	var write func(parent trace.SpanID, indent string)
	write = func(parent trace.SpanID, indent string) {
		for _, s := range spans {
			if s.Parent.SpanID() != parent {
				continue
			}
			fmt.Fprintf(&b, "%s%s (%s)", indent, s.Name, s.SpanKind)
			if s.Status.Code == codes.Error {
				b.WriteString(" failed" + s.Status.Description)
			}
			b.WriteString(strings.TrimRight(": "+list(s.Attributes), ": ") + "\n")
			for _, e := range s.Events {
				fmt.Fprintf(&b, "%s  %s: %s\n", indent, e.Name, list(e.Attributes))
			}
			write(s.SpanContext.SpanID(), indent+"  ")
		}
	}
	write(trace.SpanID{}, "")
	return b.String()
}

// conventional are the buckets that the semantic conventions have for the durations of requests.
var conventional = []float64{0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10}

// metrics returns the metrics in lines: the name, the unit, the attributes, and the count or
// the sum.
func (c *collected) metrics(t *testing.T) string {
	t.Helper()
	var all metricdata.ResourceMetrics
	if err := c.reader.Collect(t.Context(), &all); err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, scope := range all.ScopeMetrics {
		for _, m := range scope.Metrics {
			note := func(attributes attribute.Set, value string) {
				lines = append(lines, fmt.Sprintf("%s %s: %s = %s\n", m.Name, m.Unit, list(attributes.ToSlice()), value))
			}
			switch data := m.Data.(type) {
			case metricdata.Histogram[float64]:
				for _, p := range data.DataPoints {
					if m.Name == "http.client.request.duration" && !slices.Equal(p.Bounds, conventional) {
						t.Errorf("the buckets are %v", p.Bounds)
					}
					note(p.Attributes, fmt.Sprintf("%d observed", p.Count))
				}
			case metricdata.Sum[int64]:
				for _, p := range data.DataPoints {
					note(p.Attributes, fmt.Sprint(p.Value))
				}
			case metricdata.Sum[float64]:
				for _, p := range data.DataPoints {
					note(p.Attributes, fmt.Sprintf("%.0f", p.Value))
				}
			default:
				t.Errorf("%s is a %T", m.Name, data)
			}
		}
	}
	slices.Sort(lines)
	return strings.Join(lines, "")
}

func list(attributes []attribute.KeyValue) string {
	texts := make([]string, 0, len(attributes))
	for _, a := range attributes {
		if a.Key == "growthgenius.duration" {
			continue // random
		}
		texts = append(texts, fmt.Sprintf("%s=%v", a.Key, a.Value.AsInterface()))
	}
	slices.Sort(texts)
	return strings.Join(texts, " ")
}

// checkPrivate fails if a text has private data of the calls of a test.
func checkPrivate(t *testing.T, text string) {
	t.Helper()
	for _, private := range []string{testkit.Secret, "SECRET", "@", "%40", "user_id", "?", "1102755", "Steve", "sjobs", "tesla", "gone"} {
		if strings.Contains(text, private) {
			t.Errorf("%q is in\n%s", private, text)
		}
	}
}

// TestSpans: a call is a span in the caller's, and each of its requests a client span in that.
func TestSpans(t *testing.T) {
	t.Parallel()
	testkit.Bubble(t, func(t *testing.T, srv *testkit.Server) {
		all := collect()
		c := srv.NewClient(all.option())
		ctx, root := all.TracerProvider.Tracer("test").Start(t.Context(), "root")
		srv.Inject(
			growthgeniustest.Fault{Method: "POST", Effect: growthgeniustest.Reset, Commit: true, Times: 1},
			growthgeniustest.Fault{Method: "GET", Route: growthgeniustest.RouteContact, Status: 503, Times: 1},
		)
		created, err := c.Contacts.Create(ctx, testkit.Steve)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = c.Contacts.Get(ctx, created.ID)
		_, _ = c.Contacts.Search(ctx, growthgenius.SearchOptions{})
		_ = c.Do(ctx, "PURGE", "/contacts/1102755", nil, nil, nil)
		root.End()
		want := strings.ReplaceAll(`
root (internal)
  growthgenius POST /contacts (internal): growthgenius.attempts=1 http.request.method=POST url.template=/contacts
    growthgenius.wait: growthgenius.result=settle
    growthgenius.wait: growthgenius.result=settle
    growthgenius.read_back: growthgenius.result=found
    POST /contacts (client) failed: error.type=no_response http.request.method=POST SERVER/contacts url.template=/contacts
    growthgenius GET /contacts (internal): growthgenius.attempts=1 http.request.method=GET url.template=/contacts
      GET /contacts (client): http.request.method=GET http.response.status_code=200 SERVER/contacts url.template=/contacts
    growthgenius GET /contacts (internal): growthgenius.attempts=1 http.request.method=GET url.template=/contacts
      GET /contacts (client): http.request.method=GET http.response.status_code=200 SERVER/contacts url.template=/contacts
    growthgenius GET /contacts (internal): growthgenius.attempts=1 http.request.method=GET url.template=/contacts
      GET /contacts (client): http.request.method=GET http.response.status_code=200 SERVER/contacts url.template=/contacts
  growthgenius GET /contacts/{id} (internal): growthgenius.attempts=2 http.request.method=GET url.template=/contacts/{id}
    growthgenius.wait: growthgenius.result=backoff
    GET /contacts/{id} (client) failed: error.type=503 http.request.method=GET http.response.status_code=503 SERVER/contacts/{id} url.template=/contacts/{id}
    GET /contacts/{id} (client): http.request.method=GET http.request.resend_count=1 http.response.status_code=200 SERVER/contacts/{id} url.template=/contacts/{id}
  growthgenius POST /contacts/search (internal): growthgenius.attempts=1 http.request.method=POST url.template=/contacts/search
    POST /contacts/search (client): http.request.method=POST http.response.status_code=200 SERVER/contacts/search url.template=/contacts/search
  growthgenius HTTP (internal) failed: error.type=other growthgenius.attempts=1 http.request.method=_OTHER
    HTTP (client) failed: error.type=405 http.request.method=_OTHER http.response.status_code=405 SERVER
`, "SERVER", "server.address=127.0.0.1 server.port=0 url.full=http://127.0.0.1:0/integrations/v1")
		got := all.tree()
		if got != strings.TrimPrefix(want, "\n") {
			t.Errorf("the spans are\n%s", got)
		}
		checkPrivate(t, got)
	})
}

// TestMetrics: each metric, with its unit and attributes.
func TestMetrics(t *testing.T) {
	t.Parallel()
	testkit.Bubble(t, func(t *testing.T, srv *testkit.Server) {
		all := collect()
		useAll(t, srv, all)
		got := all.metrics(t)
		if got != strings.TrimPrefix(`
growthgenius.call.duration s: error.type=no_response http.request.method=GET url.template=/messages/{id} = 1 observed
growthgenius.call.duration s: error.type=not_found http.request.method=GET url.template=/people/find = 1 observed
growthgenius.call.duration s: http.request.method=GET = 1 observed
growthgenius.call.duration s: http.request.method=GET url.template=/companies/find = 2 observed
growthgenius.call.duration s: http.request.method=GET url.template=/contacts = 9 observed
growthgenius.call.duration s: http.request.method=GET url.template=/contacts/{id} = 2 observed
growthgenius.call.duration s: http.request.method=GET url.template=/users = 1 observed
growthgenius.call.duration s: http.request.method=POST url.template=/contacts = 2 observed
growthgenius.lookups {lookup}: growthgenius.result=cached url.template=/companies/find = 1
growthgenius.lookups {lookup}: growthgenius.result=sent url.template=/companies/find = 1
growthgenius.lookups {lookup}: growthgenius.result=sent url.template=/people/find = 1
growthgenius.once {create}: growthgenius.result=created url.template=/contacts = 1
growthgenius.once {create}: growthgenius.result=stored url.template=/contacts = 1
growthgenius.pause.time s: growthgenius.result=429 http.request.method=GET url.template=/users = 20
growthgenius.read_back.lists {list}: url.template=/contacts = 9
growthgenius.read_backs {create}: growthgenius.result=found http.request.method=POST url.template=/contacts = 1
growthgenius.retries {request}: error.type=429 http.request.method=GET url.template=/users = 1
growthgenius.retries {request}: error.type=503 http.request.method=GET url.template=/contacts/{id} = 1
growthgenius.retries {request}: error.type=no_response http.request.method=GET url.template=/messages/{id} = 3
growthgenius.wait.duration s: growthgenius.result=backoff http.request.method=GET url.template=/contacts/{id} = 1 observed
growthgenius.wait.duration s: growthgenius.result=backoff http.request.method=GET url.template=/messages/{id} = 3 observed
growthgenius.wait.duration s: growthgenius.result=limiter http.request.method=GET = 1 observed
growthgenius.wait.duration s: growthgenius.result=limiter http.request.method=GET url.template=/companies/find = 1 observed
growthgenius.wait.duration s: growthgenius.result=limiter http.request.method=GET url.template=/contacts = 9 observed
growthgenius.wait.duration s: growthgenius.result=limiter http.request.method=GET url.template=/contacts/{id} = 3 observed
growthgenius.wait.duration s: growthgenius.result=limiter http.request.method=GET url.template=/messages/{id} = 4 observed
growthgenius.wait.duration s: growthgenius.result=limiter http.request.method=GET url.template=/people/find = 1 observed
growthgenius.wait.duration s: growthgenius.result=limiter http.request.method=POST url.template=/contacts = 2 observed
growthgenius.wait.duration s: growthgenius.result=pause http.request.method=GET url.template=/users = 1 observed
growthgenius.wait.duration s: growthgenius.result=settle http.request.method=POST url.template=/contacts = 4 observed
http.client.request.duration s: error.type=404 http.request.method=GET http.response.status_code=404 server.address=127.0.0.1 server.port=0 url.template=/people/find = 1 observed
http.client.request.duration s: error.type=429 http.request.method=GET http.response.status_code=429 server.address=127.0.0.1 server.port=0 url.template=/users = 1 observed
http.client.request.duration s: error.type=503 http.request.method=GET http.response.status_code=503 server.address=127.0.0.1 server.port=0 url.template=/contacts/{id} = 1 observed
http.client.request.duration s: error.type=no_response http.request.method=GET server.address=127.0.0.1 server.port=0 url.template=/messages/{id} = 4 observed
http.client.request.duration s: error.type=no_response http.request.method=POST server.address=127.0.0.1 server.port=0 url.template=/contacts = 1 observed
http.client.request.duration s: http.request.method=GET http.response.status_code=200 server.address=127.0.0.1 server.port=0 = 1 observed
http.client.request.duration s: http.request.method=GET http.response.status_code=200 server.address=127.0.0.1 server.port=0 url.template=/companies/find = 1 observed
http.client.request.duration s: http.request.method=GET http.response.status_code=200 server.address=127.0.0.1 server.port=0 url.template=/contacts = 9 observed
http.client.request.duration s: http.request.method=GET http.response.status_code=200 server.address=127.0.0.1 server.port=0 url.template=/contacts/{id} = 2 observed
http.client.request.duration s: http.request.method=GET http.response.status_code=200 server.address=127.0.0.1 server.port=0 url.template=/users = 1 observed
http.client.request.duration s: http.request.method=POST http.response.status_code=200 server.address=127.0.0.1 server.port=0 url.template=/contacts = 1 observed
`, "\n") {
			t.Errorf("the metrics are\n%s", got)
		}
		checkPrivate(t, got)
		checkPrivate(t, all.tree())
	})
}

// useAll makes calls that have a part in each metric.
func useAll(t *testing.T, srv *testkit.Server, all *collected) {
	t.Helper()
	ctx := t.Context()
	srv.AddCompany("tesla.com", growthgenius.Company{ID: "1", Name: "Tesla"})
	srv.Inject(
		growthgeniustest.Fault{Method: "GET", Route: growthgeniustest.RouteUsers, Status: 429, RetryAfter: 20 * time.Second, Times: 1},
		growthgeniustest.Fault{Method: "GET", Route: growthgeniustest.RouteContact, Status: 503, Times: 1},
		growthgeniustest.Fault{Method: "POST", Effect: growthgeniustest.Reset, Commit: true, Times: 1},
		growthgeniustest.Fault{Route: growthgeniustest.RouteMessage, Effect: growthgeniustest.Reset},
		growthgeniustest.Fault{Route: growthgeniustest.RoutePerson, Status: 404, Body: `{"error":"sjobs@apple.com is unknown to ` + testkit.Secret + `"}`},
	)
	c := srv.NewClient(all.option(), growthgenius.WithRateLimit(0.5, 1),
		growthgenius.WithLedger(ledger.NewMemory()), growthgenius.WithEnrichmentCache(growthgenius.NewMemoryCache(0)))
	_, _ = c.Users.List(ctx)
	created, err := c.Contacts.Create(ctx, testkit.Steve)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = c.Contacts.Get(ctx, created.ID)
	for range 2 {
		_, _ = c.Enrichment.Company(ctx, "tesla.com")
		_, _ = c.Contacts.Create(ctx, testkit.Steve, growthgenius.Once("sjobs@apple.com"))
	}
	_, _ = c.Messages.Get(ctx, "1102755")
	_, _ = c.Enrichment.Person(ctx, growthgenius.PersonQuery{Email: "sjobs@apple.com"})
	_ = c.Do(ctx, "GET", "/contacts/"+string(created.ID), nil, nil, nil)
}

// TestDocumented: the documentation of the package has each metric with its unit and its
// attributes, and no other.
func TestDocumented(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("doc.go")
	if err != nil {
		t.Fatal(err)
	}
	_, doc, _ := strings.Cut(string(text), "# Metrics")
	testkit.Bubble(t, func(t *testing.T, srv *testkit.Server) {
		all := collect()
		useAll(t, srv, all)
		stop, err := growthgeniusotel.ObserveJob(all.Config, "job", func() bulk.Progress {
			return bulk.Progress{Counts: map[bulk.Outcome]int{bulk.Created: 1}}
		})
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = stop() }()
		documented := map[string]bool{}
		for line := range strings.Lines(doc) {
			if words := strings.Fields(line); len(words) > 1 && strings.HasPrefix(line, "//\t") && strings.Contains(words[1], ".") && !strings.HasSuffix(words[1], ",") {
				documented[words[1]] = false
			}
		}
		for line := range strings.Lines(all.metrics(t)) {
			about, rest, _ := strings.Cut(line, ": ")
			name, unit, _ := strings.Cut(about, " ")
			if _, ok := documented[name]; !ok {
				t.Errorf("%s is not documented", name)
				continue
			}
			documented[name] = true
			_, of, _ := strings.Cut(doc, name+" ")
			first, attributes, _ := strings.Cut(of, "\n")
			attributes, _, _ = strings.Cut(attributes, "\n")
			if !slices.Contains(strings.FieldsFunc(first, func(r rune) bool { return r == ' ' || r == ',' }), unit) {
				t.Errorf("%s: the unit is %s, documented is %q", name, unit, first)
			}
			attrs, _, _ := strings.Cut(rest, " = ")
			for pair := range strings.FieldsSeq(attrs) {
				if key, _, ok := strings.Cut(pair, "="); ok && !strings.Contains(attributes, key) {
					t.Errorf("%s has the attribute %s, documented are %q", name, key, attributes)
				}
			}
		}
		for name, exists := range documented {
			if !exists {
				t.Errorf("%s is documented, and does not exist", name)
			}
		}
	})
}

// TestNothingIsSentForTraces: not even if the program propagates traces.
func TestNothingIsSentForTraces(t *testing.T) { //nolint:paralleltest // it changes what is global
	otel.SetTextMapPropagator(propagation.TraceContext{})
	defer otel.SetTextMapPropagator(propagation.NewCompositeTextMapPropagator())
	all := collect()
	defer otel.SetTracerProvider(otel.GetTracerProvider())
	defer otel.SetMeterProvider(otel.GetMeterProvider())
	otel.SetTracerProvider(all.TracerProvider)
	otel.SetMeterProvider(all.MeterProvider)
	all.Config = growthgeniusotel.Config{} // the global providers
	script := &testkit.Script{Respond: func(_ int, r *http.Request) (*http.Response, error) {
		for name := range r.Header {
			if !slices.Contains([]string{"Accept", "Authorization", "User-Agent"}, name) {
				t.Errorf("the header %s is sent", name)
			}
		}
		return testkit.Reply(200, `{"users":[]}`), nil
	}}
	if _, err := testkit.Scripted(t, script, all.option()).Users.List(t.Context()); err != nil {
		t.Fatal(err)
	}
	if spans := all.spans.GetSpans(); len(spans) != 2 || !strings.Contains(all.metrics(t), "growthgenius.call.duration") {
		t.Errorf("%d spans, and the metrics\n%s", len(spans), all.metrics(t))
	}
}

// TestObserveJob: the rows of an import are counted while it runs, and after it.
func TestObserveJob(t *testing.T) {
	t.Parallel()
	srv := growthgeniustest.NewServer(t)
	client := srv.Client(growthgenius.WithLedger(ledger.NewMemory()))
	rows := func(yield func(bulk.Row, error) bool) {
		for i := range 5 {
			in := growthgenius.ContactInput{Email: growthgenius.Set(fmt.Sprintf("%d@example.com", i/2))}
			if !yield(bulk.Row{Line: i + 1, Input: in}, nil) {
				return
			}
		}
	}
	all := collect()
	run := bulk.Import(t.Context(), client, iter.Seq2[bulk.Row, error](rows), bulk.ImportOptions{Name: "leads"})
	stop, err := growthgeniusotel.ObserveJob(all.Config, "leads", run.Progress)
	if err != nil {
		t.Fatal(err)
	}
	var watching sync.WaitGroup
	var over atomic.Bool
	watching.Go(func() {
		for !over.Load() {
			_ = all.metrics(t)
		}
	})
	for _, err := range run.Results() {
		if err != nil {
			t.Error(err)
		}
	}
	over.Store(true)
	watching.Wait()
	const want = "growthgenius.rows {row}: growthgenius.job=leads growthgenius.result=created = 3\n" +
		"growthgenius.rows {row}: growthgenius.job=leads growthgenius.result=duplicate = 2\n"
	if got := all.metrics(t); got != want {
		t.Errorf("the rows are\n%s", got)
	}
	if err := stop(); err != nil || all.metrics(t) != "" {
		t.Errorf("%v, and after stop there is\n%s", err, all.metrics(t))
	}
}
