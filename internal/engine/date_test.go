package engine_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/growthgenius/growthgenius-go/internal/engine"
)

// TestDate: which responses show the time of the server, rather than that of a cache or a
// proxy.
func TestDate(t *testing.T) {
	t.Parallel()
	at := time.Date(2021, 1, 22, 10, 0, 0, 0, time.UTC)
	for name, test := range map[string]struct {
		status int
		body   string
		header http.Header
		want   bool
		cached bool
	}{
		"a success":                     {200, "", nil, true, false},
		"a success of JSON":             {201, "", http.Header{"Content-Type": {"application/json; charset=utf-8"}}, true, false},
		"a success without content":     {204, "", nil, true, false},
		"an error of the API":           {422, `{"error":"no"}`, nil, true, false},
		"a failure of the API":          {503, `{"error":"no"}`, nil, true, false},
		"a page at status 200":          {200, "", http.Header{"Content-Type": {"text/html"}}, false, false},
		"an error page":                 {503, "<html>", nil, false, false},
		"an error without a body":       {500, "", nil, false, false},
		"text with an error":            {500, "upstream connect error", nil, false, false},
		"a page, said to be JSON":       {500, "<html>", http.Header{"Content-Type": {"application/json"}}, false, false},
		"a redirect":                    {302, `{}`, nil, false, false},
		"not modified":                  {304, "", nil, false, true},
		"a gateway":                     {502, `{"error":"no"}`, nil, false, false},
		"a gateway's timeout":           {504, `{"error":"no"}`, nil, false, false},
		"Cloudflare":                    {524, `{"error":"no"}`, nil, false, false},
		"a proxy that asks who we are":  {407, `{"error":"no"}`, nil, false, false},
		"from a cache, by its age":      {200, "", http.Header{"Age": {"1800"}}, false, true},
		"fresh, by its age":             {200, "", http.Header{"Age": {"0"}}, true, false},
		"from a cache, by X-Cache":      {200, "", http.Header{"X-Cache": {"Hit from cloudfront"}}, false, true},
		"not from a cache, by X-Cache":  {200, "", http.Header{"X-Cache": {"Miss from cloudfront"}}, true, false},
		"from a cache, by Cache-Status": {200, "", http.Header{"Cache-Status": {"proxy; hit"}}, false, true},
		"stale":                         {200, "", http.Header{"Warning": {`110 - "Response is Stale"`}}, false, true},
		"with another warning":          {200, "", http.Header{"Warning": {`299 - "deprecated"`}}, true, false},
		"without a date":                {200, "", http.Header{"Date": {""}}, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			res := engine.Response{Status: test.status, Body: []byte(test.body), Header: http.Header{"Date": {at.Format(http.TimeFormat)}}}
			for name, values := range test.header {
				res.Header[name] = values
			}
			got, ok := res.Date()
			if ok != test.want || ok && !got.Equal(at) || res.IsCached() != test.cached {
				t.Errorf("%s, %t, cached: %t", got, ok, res.IsCached())
			}
		})
	}
}

// TestDates: each response has its own time, whatever those before it had.
func TestDates(t *testing.T) {
	t.Parallel()
	at := time.Date(2021, 1, 22, 10, 0, 0, 0, time.UTC)
	for range 2 {
		for _, seconds := range []int{0, 0, 1, 0, 2, 2} {
			want := at.Add(time.Duration(seconds) * time.Second)
			for text, ok := range map[string]bool{want.Format(http.TimeFormat): true, "soon": false} {
				res := engine.Response{Status: 200, Header: http.Header{"Date": {text}}}
				if got, found := res.Date(); found != ok || ok && !got.Equal(want) {
					t.Errorf("%q: %s, %t", text, got, found)
				}
			}
		}
	}
}
