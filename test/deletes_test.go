package test

import (
	"errors"
	"net/http"
	"testing"

	"github.com/growthgenius/growthgenius-go"
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
