package main

import (
	"strings"
	"testing"

	"github.com/growthgenius/growthgenius-go"
	"github.com/growthgenius/growthgenius-go/growthgeniustest"
)

const key = "gg-SECRET"

func TestRunInMemory(t *testing.T) {
	t.Setenv("GROWTHGENIUS_API_KEY", "")
	t.Setenv("GROWTHGENIUS_USER_ID", "")
	var out strings.Builder
	if err := run(t.Context(), &out); err != nil {
		t.Fatal(err)
	}
	spans, counts, _ := strings.Cut(strings.TrimPrefix(out.String(), "GROWTHGENIUS_API_KEY is not set: this is a server in memory.\n\n"), "\n\n")
	want := `client   GET /users                       Unset 200
internal growthgenius GET /users          Unset
client   GET /contacts                    Unset 200
internal growthgenius GET /contacts       Unset
client   GET /contacts/{id}               Error 503
client   GET /contacts/{id}               Unset 200
internal growthgenius GET /contacts/{id}  Unset
internal read contacts                    Unset`
	if spans != want {
		t.Errorf("got:\n%s\nwant:\n%s", spans, want)
	}
	for _, line := range []string{
		"growthgenius.call.duration     3\n", "growthgenius.retries           1\n", "http.client.request.duration   4\n",
	} {
		if !strings.Contains(counts, line) {
			t.Errorf("%q is not in\n%s", line, counts)
		}
	}
	for _, private := range []string{"quinn", "@", "user_id", "?", "1102755"} {
		if strings.Contains(out.String(), private) {
			t.Errorf("it prints %q", private)
		}
	}
}

func TestRunFromEnvironment(t *testing.T) {
	srv := growthgeniustest.NewServer(t, growthgeniustest.WithAPIKey(key))
	srv.AddContacts(make([]growthgenius.Contact, 5)...)
	t.Setenv("GROWTHGENIUS_API_KEY", key)
	t.Setenv("GROWTHGENIUS_BASE_URL", srv.URL())
	t.Setenv("GROWTHGENIUS_USER_ID", "2")
	var out strings.Builder
	if err := run(t.Context(), &out); err != nil {
		t.Fatal(err)
	}
	if n := len(srv.Requests()); n != 5 || strings.Count(out.String(), "client ") != n {
		t.Errorf("%d requests:\n%s", n, out.String())
	}
	for _, sent := range srv.Requests() {
		if sent.Method != "GET" || sent.Route != growthgeniustest.RouteUsers && sent.Query[len(sent.Query)-len("user_id=2"):] != "user_id=2" {
			t.Errorf("sent %s %s?%s", sent.Method, sent.Path, sent.Query)
		}
	}
	srv.Inject(growthgeniustest.Fault{Route: growthgeniustest.RouteContacts, Status: 403})
	if err := run(t.Context(), &out); err == nil || !strings.Contains(err.Error(), "403") {
		t.Errorf("got %v", err)
	}
}
