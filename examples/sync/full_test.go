//go:build unix

package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/growthgenius/growthgenius-go"
	"github.com/growthgenius/growthgenius-go/growthgeniustest"
)

// testFull deletes records, and has lists that are incomplete for other reasons.
func testFull(t *testing.T, dsn string) {
	t.Helper()
	srv := serve(t)
	srv.day(130)
	start(t, srv.env(), "-dsn", dsn).ends(t, "")
	client := srv.Client()
	for i := range 5 {
		if err := cmp.Or(client.Contacts.Delete(t.Context(), srv.Contacts()[3*i].ID), client.Messages.Delete(t.Context(), srv.Messages()[4*i].ID)); err != nil {
			t.Fatal(err)
		}
	}
	before := read(t, dsn)
	for name, fault := range map[string]growthgeniustest.Fault{
		"an incomplete list": {Skip: 1, Route: growthgeniustest.RouteContacts, Effect: growthgeniustest.Truncate, Times: 1},
		"a server error":     {Route: growthgeniustest.RouteContact, Status: 501, Times: 10},
	} {
		srv.Inject(fault)
		p := start(t, srv.env(), "-dsn", dsn, "-full")
		if err := p.Wait(); err == nil {
			t.Errorf("%s did not fail", name)
		}
		srv.ClearFaults()
		if after := read(t, dsn); !maps.EqualFunc(before, after, slices.Equal) {
			t.Errorf("%s changed the tables", name)
		}
	}
	p := start(t, srv.env(), "-dsn", dsn, "-full")
	p.ends(t, "")
	if want := "contacts: 0 changed, 5 deleted\nmessages: 0 changed, 5 deleted\n"; p.stdout.String() != want {
		t.Errorf("the output is:\n%s", &p.stdout)
	}
	srv.same(t, dsn)

	// Rows that are not as the records are, in more than one lot.
	execute(t, dsn, `UPDATE growthgenius_contacts SET stage = 'x'`, `UPDATE growthgenius_messages SET message_type = 'x'`)
	start(t, srv.env(), "-dsn", dsn, "-full").ends(t, "")
	srv.same(t, dsn)

	// A server with the same records whose lists show only ten.
	short := serve(t, growthgeniustest.WithListCap(10))
	short.ahead.Store(srv.ahead.Load())
	short.AddContacts(srv.Contacts()...)
	short.AddMessages(srv.Messages()...)
	start(t, short.env(), "-dsn", dsn, "-full").ends(t, "")
	srv.same(t, dsn)
}

// testOlderList has a list that is older than what the feed has stored, as that of another
// server may be.
func testOlderList(t *testing.T, dsn string) {
	t.Helper()
	srv := serve(t)
	srv.day(30)
	start(t, srv.env(), "-dsn", dsn).ends(t, "")
	contacts, messages := srv.everything(t, growthgeniustest.RouteContacts), srv.everything(t, growthgeniustest.RouteMessages)
	srv.day(30)
	srv.ahead.Add(int64(-24*time.Hour + 30*time.Minute))
	start(t, srv.env(), "-dsn", dsn).ends(t, "")
	srv.same(t, dsn)
	start(t, srv.replaying(t, contacts, messages), "-dsn", dsn, "-full").ends(t, "")
	srv.same(t, dsn)

	// However old the list is, a contact says how old it is itself.
	messages = srv.everything(t, growthgeniustest.RouteMessages)
	srv.ahead.Add(int64(24 * time.Hour))
	start(t, srv.replaying(t, contacts, messages), "-dsn", dsn, "-full").ends(t, "")
	srv.same(t, dsn)
}

// replaying returns the environment for a proxy that responds to the request for everything
// with an older list.
func (a *api) replaying(t *testing.T, contacts, messages string) []string {
	t.Helper()
	var replayed atomic.Int32
	t.Cleanup(func() {
		if replayed.Load() < 2 { // and again, in parts, if it may have been cut
			t.Errorf("%d older lists were read, want 2 at least", replayed.Load())
		}
	})
	return a.proxy(t, func(w http.ResponseWriter, r *http.Request, serve http.HandlerFunc) {
		if !isList(r) || !strings.HasPrefix(r.URL.Query().Get("from"), "1970") {
			serve(w, r)
			return
		}
		replayed.Add(1)
		list := contacts
		if strings.HasSuffix(r.URL.Path, growthgeniustest.RouteMessages) {
			list = messages
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, list)
	})
}

// everything returns the whole list of a route.
func (a *api) everything(t *testing.T, route string) string {
	t.Helper()
	var list json.RawMessage
	all := url.Values{"from": {"1970-01-01T00:00:00Z"}, "to": {"2037-01-01T00:00:00Z"}}
	if err := a.Client().Do(t.Context(), http.MethodGet, route, all, nil, &list); err != nil {
		t.Fatal(err)
	}
	return string(list)
}

// testGateway has 404s that are not the API's own, for records that are missing in a list.
func testGateway(t *testing.T, dsn string) {
	t.Helper()
	srv := serve(t)
	srv.day(30)
	start(t, srv.env(), "-dsn", dsn).ends(t, "")
	env := srv.proxy(t, func(w http.ResponseWriter, r *http.Request, serve http.HandlerFunc) {
		hiding(t, w, r, serve, srv.Contacts()[7].ID, srv.Contacts()[9].ID)
	})
	start(t, env, "-dsn", dsn, "-full").ends(t, "") // Get finds them
	const unclear, all = "contacts: 2 missing in the list, and not known to be deleted", "is not found either"
	for body, want := range map[string]string{
		"404 page not found":                      unclear,
		"<html>not here</html>":                   unclear,
		`{"status":404,"error":"Not Found"}`:      unclear,
		`{}`:                                      unclear,
		`{"message":"Not Found"}`:                 unclear,
		`{"error":"not found"}`:                   unclear,
		`{"error":"there is no such record"}`:     all,
		`{"errors":[{"detail":"No such thing"}]}`: all,
	} {
		srv.Inject(growthgeniustest.Fault{Method: "GET", Route: growthgeniustest.RouteContact, Status: 404, Body: body})
		p := start(t, env, "-dsn", dsn, "-full")
		p.ends(t, want)
		if want := "contacts: 0 changed, 0 deleted\nmessages: 0 changed, 0 deleted\n"; p.stdout.String() != want {
			t.Errorf("404s with %s: the output is:\n%s", body, &p.stdout)
		}
		srv.ClearFaults()
		srv.same(t, dsn)
	}
	// The 404 of one request is like the API's own.
	srv.Inject(growthgeniustest.Fault{Method: "GET", Route: growthgeniustest.RouteContact, Status: 404, Body: `{"error":"contact not found"}`, Times: 1})
	start(t, env, "-dsn", dsn, "-full").ends(t, "it was not found, and then it was")
	srv.same(t, dsn)
	hidden := srv.Contacts()[7].ID
	srv.Inject(growthgeniustest.Fault{Method: "GET", Route: growthgeniustest.RouteContact, Status: 403, Times: 1})
	p := start(t, env, "-dsn", dsn, "-full")
	p.ends(t, "contact "+string(hidden)+": missing in the list, and not known to be deleted")
	srv.same(t, dsn)
}

// hiding serves a request, and takes contacts out of the list.
func hiding(t *testing.T, w http.ResponseWriter, r *http.Request, serve http.HandlerFunc, ids ...growthgenius.ID) {
	t.Helper()
	if !isList(r) {
		serve(w, r)
		return
	}
	recorder := httptest.NewRecorder()
	serve(recorder, r)
	var list map[string][]json.RawMessage
	if err := json.Unmarshal(recorder.Body.Bytes(), &list); err != nil {
		t.Error(err)
	}
	list["contacts"] = slices.DeleteFunc(list["contacts"], func(item json.RawMessage) bool {
		var c growthgenius.Contact
		return json.Unmarshal(item, &c) != nil || slices.Contains(ids, c.ID)
	})
	w.Header().Set("Date", recorder.Header().Get("Date"))
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(list)
}

// testMerged merges a contact into another one: the lists do not have it any more, and Get
// finds the one left under its id.
func testMerged(t *testing.T, dsn string) {
	t.Helper()
	srv := serve(t)
	srv.day(30)
	start(t, srv.env(), "-dsn", dsn).ends(t, "")
	before := read(t, dsn)
	merged, left := srv.Contacts()[3].ID, srv.Contacts()[4].ID
	if !srv.MergeContacts(merged, left) {
		t.Fatal("not merged")
	}
	// env has another response to a Get of the old id, and lists without some contacts.
	env := func(response string, hidden ...growthgenius.ID) []string {
		return srv.proxy(t, func(w http.ResponseWriter, r *http.Request, serve http.HandlerFunc) {
			if response != "" && strings.HasSuffix(r.URL.Path, "/contacts/"+string(merged)) {
				_, _ = io.WriteString(w, response)
				return
			}
			hiding(t, w, r, serve, hidden...)
		})
	}
	for name, env := range map[string][]string{
		"unknown": env(`{"contact":{"id":4711}}`), "no id": env(`{"contact":{"full_name":"No Id"}}`), "empty": env(`{}`), "hidden": env("", left),
	} {
		start(t, env, "-dsn", dsn, "-full").ends(t, "contact "+string(merged)+": missing in the list, and not known to be deleted")
		if after := read(t, dsn); !maps.EqualFunc(before, after, slices.Equal) {
			t.Errorf("%s: the tables have changed", name)
		}
	}
	p := start(t, srv.env(), "-dsn", dsn, "-full")
	p.ends(t, "")
	if want := "contacts: 0 changed, 1 deleted\nmessages: 0 changed, 0 deleted\n"; p.stdout.String() != want {
		t.Errorf("the output is:\n%s", &p.stdout)
	}
	srv.same(t, dsn)
}

// testTooMany deletes more records than one run may delete.
func testTooMany(t *testing.T, dsn string) {
	t.Helper()
	srv := serve(t)
	srv.day(30)
	start(t, srv.env(), "-dsn", dsn).ends(t, "")
	for _, c := range srv.Contacts()[:12] {
		if err := srv.Client().Contacts.Delete(t.Context(), c.ID); err != nil {
			t.Fatal(err)
		}
	}
	srv.day(2) // these are stored all the same
	for limit, most := range map[string]int{"": 10, "11": 11, "25%": 8, "0": 0} {
		args := []string{"-dsn", dsn, "-full"}
		if limit != "" {
			args = append(args, "-max-delete", limit)
		}
		start(t, srv.env(), args...).ends(t, fmt.Sprintf("contacts: 12 of 32 rows are of records that do not exist any more, "+
			"and one run may delete %d: none is deleted; if that many have been deleted, run it again with -full -max-delete 12\n", most))
		if rows, want := len(read(t, dsn)), len(srv.Contacts())+12+len(srv.Messages()); rows != want {
			t.Errorf("there are %d rows, want %d", rows, want)
		}
	}
	start(t, srv.env(), "-dsn", dsn, "-full", "-max-delete", "12").ends(t, "")
	srv.same(t, dsn)
}

func TestLimits(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]int{"0": 0, "7": 7, "0%": 0, "12.5%": 25, "100%": 200} {
		limit, err := parseLimit(text)
		if err != nil {
			t.Fatal(err)
		}
		if got := limit(200); got != want {
			t.Errorf("%s of 200 is %d, want %d", text, got, want)
		}
	}
	for _, text := range []string{"", "%", "-1", "-1%", "101%", "NaN%", "ten", "1.5"} {
		if _, err := parseLimit(text); err == nil {
			t.Errorf("%q is accepted", text)
		}
	}
}
