package engine_test

import (
	"net/http"
	"testing"

	"github.com/growthgenius/growthgenius-go/internal/engine"
)

// TestExtent: what the status and the headers of a response say of how much of a list it
// holds.
func TestExtent(t *testing.T) {
	t.Parallel()
	type head struct {
		status       int
		name, value  string
		total        int
		partial      bool
		anotherValue string
	}
	for _, h := range []head{
		{200, "X", "y", 0, false, ""},
		{206, "X", "y", 0, true, ""},
		{206, "Content-Range", "contacts 0-99/250", 250, true, ""},
		{206, "Content-Range", "contacts 0-249/250", 250, false, ""},
		{206, "Content-Range", "contacts 100-249/250", 250, true, ""},
		{206, "Content-Range", "0-99/*", 0, true, ""},
		{206, "Content-Range", "all of it", 0, true, ""},
		{200, "Content-Range", "0-99/250", 250, true, ""},
		{200, "Content-Range", "0-249/250", 250, false, ""},
		{200, "Content-Range", "0-99/*", 0, false, ""},
		{200, "Content-Range", "100-199/*", 0, true, ""},
		{200, "Link", `<https://x.test/contacts?page=2>; rel="next"`, 0, true, ""},
		{200, "Link", `<https://x.test/a,b;rel="next">; rel="prev"`, 0, false, ""},
		{200, "Link", `<https://x.test/1>; rel=self, <https://x.test/2>; title="a"; REL=Next`, 0, true, ""},
		{200, "Link", `</1>; rel="prev"`, 0, true, `</2>;rel="last next"`},
		{200, "Link", `</1>; rel="nextish"; title=next`, 0, false, ""},
		{200, "Link", `rel="next"`, 0, false, ""},
		{200, "X-Total-Count", "250", 250, false, ""},
		{200, "X-Total", "9", 9, false, ""},
		{200, "X-Total-Count", "many", 0, false, ""},
		{200, "X-Total-Pages", "2", 0, true, ""},
		{200, "X-Total-Pages", "1", 0, false, ""},
		{200, "X-Next-Page", "2", 0, true, ""},
		{200, "X-Next-Page", "", 0, false, ""},
		{200, "X-WP-Total", "250", 250, false, ""},
		{200, "X-WP-TotalPages", "3", 0, true, ""},
		{200, "X-Pagination-Total-Count", "250", 250, false, ""},
		{200, "X-Pagination-Page-Count", "1", 0, false, ""},
		{200, "X-Has-More", "true", 0, true, ""},
		{200, "X-Has-More", "False", 0, false, ""},
		{200, "X-Next-Cursor", "a", 0, true, ""},
		{200, "x-ms-continuation", "a", 0, true, ""},
	} {
		res := engine.Response{Status: h.status, Header: http.Header{http.CanonicalHeaderKey(h.name): {h.value}}}
		if h.anotherValue != "" {
			res.Header.Add(h.name, h.anotherValue)
		}
		if total, partial, pagination := res.Extent(); pagination != "" || total != h.total || partial != h.partial {
			t.Errorf("%d %s: %s: %d, %v", h.status, h.name, h.value, total, partial)
		}
	}
	for _, name := range []string{"X-Pagination", "Pagination"} {
		res := engine.Response{Header: http.Header{name: {`{"TotalCount":250}`}}}
		if total, partial, pagination := res.Extent(); total != 0 || partial || pagination != `{"TotalCount":250}` {
			t.Errorf("%s: %d, %v, %s", name, total, partial, pagination)
		}
	}
}
