package engine_test

import (
	"bytes"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/growthgenius/growthgenius-go/internal/engine"
	"github.com/growthgenius/growthgenius-go/internal/pace"
	"github.com/growthgenius/growthgenius-go/internal/redact"
)

// canned responds from memory, and allocates little.
type canned struct{ body []byte }

func (c canned) RoundTrip(r *http.Request) (*http.Response, error) {
	return &http.Response{
		StatusCode: http.StatusOK, Header: http.Header{}, Request: r,
		Body: io.NopCloser(bytes.NewReader(c.body)), ContentLength: int64(len(c.body)),
	}, nil
}

// BenchmarkDo is a call with a small response.
func BenchmarkDo(b *testing.B) {
	e := engine.New(engine.Config{
		Transport:     canned{[]byte(`{"contact":{"id":1102755}}`)},
		Authorization: func() string { return "Bearer SECRET" },
		UserAgent:     "growthgenius-go/test",
		Timeout:       30 * time.Second,
		MaxBytes:      64 << 20,
		Retry:         policy,
		Gate:          pace.NewGate(pace.NewAdaptive(), time.Minute),
		Budget:        pace.NewBudget(),
		Redact:        redact.New("SECRET"),
		Date:          func(_, _ time.Time, _ *engine.Response) {},
	})
	call := engine.Call{Method: http.MethodGet, Route: "/contacts/{id}", URL: address, Free: true}
	b.ReportAllocs()
	for b.Loop() {
		out := e.Do(b.Context(), call)
		if out.Err != nil {
			b.Fatal(out.Err)
		}
		out.Response.Release()
	}
}
