package test

import (
	"errors"
	"net/http"
	"testing"

	"github.com/growthgenius/growthgenius-go"
	"github.com/growthgenius/growthgenius-go/growthgeniustest"
	"github.com/growthgenius/growthgenius-go/internal/testkit"
)

// TestDeleteBelievesOnlyTheAPIs404: after a delete that may have been carried out, a 404 is a
// success only if a gateway cannot have sent it.
func TestDeleteBelievesOnlyTheAPIs404(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		body, media string
		done        bool
	}{
		{`{"error":"contact not found"}`, "application/json", true},
		{`{"error":"contact not found"}`, "", true},
		{`{"error":"contact not found"}`, "text/html", false},
		{`{"error":{"type":"missing","message":"No such record"}}`, "", true},
		{`{"error":"Not Found"}`, "application/json", false},
		{`{"message":"no Route matched with those values"}`, "application/json", false},
		{`{"status":404,"error":"Not Found","path":"/contacts"}`, "application/json", false},
		{``, "", false},
		{`404 page not found`, "text/plain", false},
		{`<html><title>404 Not Found</title></html>`, "text/html", false},
	} {
		for way, remove := range map[string]func(c *growthgenius.Client) error{
			"contact": func(c *growthgenius.Client) error { return c.Contacts.Delete(t.Context(), "7") },
			"message": func(c *growthgenius.Client) error { return c.Messages.Delete(t.Context(), "7") },
			"raw": func(c *growthgenius.Client) error {
				return c.Do(t.Context(), http.MethodDelete, "/contacts/7", nil, nil, nil)
			},
		} {
			c := testkit.Scripted(t, &testkit.Script{Respond: func(n int, _ *http.Request) (*http.Response, error) {
				if n == 1 {
					return testkit.Reply(502, ""), nil
				}
				return testkit.Reply(404, tt.body, "Content-Type", tt.media), nil
			}}, growthgenius.WithRetry(testkit.Quick))
			if err := remove(c); (err == nil) != tt.done || err != nil && !errors.Is(err, growthgenius.ErrNotFound) {
				t.Errorf("%s, %s %s: %v", way, tt.media, tt.body, err)
			}
		}
	}
}

// TestDeleteAnsweredByAProxy: text that is not JSON is not the API's, whatever the status. The
// delete is tried again, as after a 502, and a 404 of the API then says that it was done.
func TestDeleteAnsweredByAProxy(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]growthgeniustest.Fault{
		"a page": {Effect: growthgeniustest.HTMLPage}, "a page at 202": {Status: 202, Body: "<html>"},
		"text": {Status: 200, Body: "upstream connect error"}, "a word at 203": {Status: 203, Body: "OK"},
	} {
		for _, way := range []string{"contact", "raw"} {
			for _, always := range []bool{true, false} {
				fault.Method, fault.Commit, fault.Times = http.MethodDelete, !always, 1
				want := 2
				if always {
					fault.Times, want = 0, 4
				}
				testkit.Bubble(t, func(t *testing.T, srv *testkit.Server) {
					id := srv.AddContacts(growthgenius.Contact{Email: "ada@acme.example"})[0].ID
					srv.Inject(fault)
					c := srv.NewClient()
					remove := func() error { return c.Contacts.Delete(t.Context(), id) }
					if way == "raw" {
						remove = func() error { return c.Do(t.Context(), http.MethodDelete, "/contacts/"+string(id), nil, nil, nil) }
					}
					if err := remove(); errors.Is(err, growthgenius.ErrDecode) != always || (err != nil) != always {
						t.Errorf("%s, %s, always: %t: %v", name, way, always, err)
					}
					if n := len(srv.Requests()); n != want {
						t.Errorf("%s, %s, always: %t: %d requests", name, way, always, n)
					}
				})
			}
		}
	}
}
