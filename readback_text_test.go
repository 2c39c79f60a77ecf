package growthgenius_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/growthgenius/growthgenius-go"
	"github.com/growthgenius/growthgenius-go/internal/testkit"
	"github.com/growthgenius/growthgenius-go/ledger"
)

// steve is a contact without an e-mail address.
var steve = growthgenius.ContactInput{FirstName: growthgenius.Set("Steve"), LastName: growthgenius.Set("Jobs")}

var noReadBack = growthgenius.WithReadBack(growthgenius.ReadBackPolicy{Disabled: true})

func createErrors(t *testing.T) []errorText {
	ctx := t.Context()
	down := testkit.Scripted(t, always(500, `{"error":"oops"}`), retrying, noReadBack)
	unreachable := &http.Client{Transport: &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) { return nil, errRefused }}}
	fails := growthgenius.BeforeCreate(func(growthgenius.CreateToken) error { return errors.New("disk full") })
	return []errorText{
		{"a contact, 500", testkit.Err(down.Contacts.Create(ctx, steve))},
		{"a message, 500", testkit.Err(down.Messages.Create(ctx, testkit.Louis))},
		{"HTML", testkit.Err(testkit.Scripted(t, always(200, "<html>"), noReadBack).Contacts.Create(ctx, steve))},
		{"422", testkit.Err(testkit.Scripted(t, always(422, `{"errors":{"email":["is taken"]}}`)).Contacts.Create(ctx, steve))},
		{"refused", testkit.Err(testkit.OneShot(t, growthgenius.WithHTTPClient(unreachable)).Contacts.Create(ctx, steve))},
		{"a lost response", testkit.Err(testkit.Scripted(t, lossy(200, `{"contacts":[]}`)).Contacts.Create(ctx, steve))},
		{"a lost response, deadline", in(ctx, time.Second, func(ctx context.Context) error {
			return testkit.Err(testkit.Scripted(t, lossy(200, `{"contacts":[]}`)).Contacts.Create(ctx, steve))
		})},
		{"another record", testkit.Err(testkit.Scripted(t, always(200, `{"contact":{"id":5,"first_name":"Bill","last_name":"Gates"}}`), noReadBack).Contacts.Create(ctx, steve))},
		{"an upsert", testkit.Err(testkit.Scripted(t, upserting(), noReadBack).Contacts.Upsert(ctx, testkit.Steve))},
		{"Client.Do", down.Do(ctx, "POST", "/discovery", nil, steve, nil)},
		{"BeforeCreate", testkit.Err(down.Contacts.Create(ctx, steve, fails))},
	}
}

// upserting is an API whose search finds nothing and that does not respond to creates.
func upserting() *testkit.Script {
	return &testkit.Script{Respond: func(_ int, r *http.Request) (*http.Response, error) {
		if strings.HasSuffix(r.URL.Path, "/search") {
			return testkit.Reply(200, `{"contacts":[],"pagination":{"page":1,"per_page":25,"total_entries":0,"total_pages":0}}`), nil
		}
		return nil, io.ErrUnexpectedEOF
	}}
}

func resolveErrors(t *testing.T) []errorText {
	ctx := t.Context()
	var token growthgenius.CreateToken
	var underWay error
	c := testkit.Scripted(t, lossy(200, `{"contacts":[]}`), noReadBack)
	_ = testkit.Err(c.Contacts.Create(ctx, steve, growthgenius.BeforeCreate(func(tok growthgenius.CreateToken) error {
		token, underWay = tok, testkit.Err(c.Contacts.Resolve(ctx, tok))
		return nil
	})))
	resolve := func(ctx context.Context, s *testkit.Script) error {
		return testkit.Err(testkit.Scripted(t, s, retrying).Contacts.Resolve(ctx, token))
	}
	alike := func(ids ...string) *testkit.Script {
		rows := make([]string, len(ids))
		for i, id := range ids {
			rows[i] = fmt.Sprintf(`{"id":%q,"first_name":"Steve","last_name":"Jobs"}`, id)
		}
		return always(200, `{"contacts":[`+strings.Join(rows, ",")+`]}`)
	}
	undated := &testkit.Script{Respond: func(int, *http.Request) (*http.Response, error) {
		res := testkit.Reply(200, `{"contacts":[]}`)
		res.Header.Del("Date")
		return res, nil
	}}
	created := testkit.Scripted(t, &testkit.Script{Respond: func(n int, _ *http.Request) (*http.Response, error) {
		if n == 1 {
			return testkit.Reply(200, `{"contact":{"id":7,"first_name":"Steve","last_name":"Jobs"}}`), nil
		}
		return testkit.Reply(404, `{"error":"contact not found"}`), nil
	}})
	var known growthgenius.CreateToken
	if _, err := created.Contacts.Create(ctx, steve, growthgenius.BeforeCreate(func(tok growthgenius.CreateToken) error { known = tok; return nil })); err != nil {
		t.Error(err)
	}
	return []errorText{
		{"under way", underWay},
		{"deadline", in(ctx, time.Second, func(ctx context.Context) error { return resolve(ctx, always(200, `{"contacts":[]}`)) })},
		{"absent", resolve(ctx, always(200, `{"contacts":[]}`))},
		{"a record that may be the one", resolve(ctx, alike("1"))},
		{"many that may be the one", resolve(ctx, alike("1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11", "12"))},
		{"an id with the key", resolve(ctx, alike("1-"+testkit.Secret))},
		{"a list that is late", lateList(t)},
		{"no Date header", resolve(ctx, undated)},
		{"a list that cannot be read", resolve(ctx, always(500, `{"error":"oops"}`, "Retry-After", "1"))},
		{"a list that is refused", resolve(ctx, always(403, ""))},
		{"a known record that is gone", testkit.Err(created.Contacts.Resolve(ctx, known))},
		{"a token of a contact, for messages", testkit.Err(c.Messages.Resolve(ctx, token))},
	}
}

// lateList returns the error of a Resolve whose list does not have what was created last, and
// has a record that is known to be another's.
func lateList(t *testing.T) error {
	t.Helper()
	ctx := t.Context()
	late := testkit.Scripted(t, &testkit.Script{Respond: func(n int, r *http.Request) (*http.Response, error) {
		switch {
		case n == 1:
			return testkit.Reply(200, `{"contact":{"id":7,"first_name":"Steve","last_name":"Jobs"}}`), nil
		case n == 2:
			return nil, io.ErrUnexpectedEOF
		case r.Method == http.MethodPost:
			return testkit.Reply(200, `{"contact":{"id":8,"email":"sjobs@apple.com"}}`), nil
		default:
			return testkit.Reply(200, `{"contacts":[{"id":7,"first_name":"Steve","last_name":"Jobs"}]}`), nil
		}
	}}, noReadBack)
	_, _ = late.Contacts.Create(ctx, steve)
	_, lost := late.Contacts.Create(ctx, steve)
	_, _ = late.Contacts.Create(ctx, testkit.Steve)
	time.Sleep(time.Second)
	return testkit.Err(late.Contacts.Resolve(ctx, testkit.Unknown(t, lost).Token))
}

func keyErrors(t *testing.T) []errorText {
	var until time.Time
	l := spoilt{ledger.NewMemory(), func() time.Time { return until }, func(growthgenius.Entry) error { return nil }}
	create := func(s *testkit.Script, in growthgenius.ContactInput, key string) error {
		return testkit.Err(testkit.Scripted(t, s, noReadBack, growthgenius.WithLedger(l)).Contacts.Create(t.Context(), in, growthgenius.Once(key)))
	}
	stored := func(key string, status int, body string) *testkit.Script {
		if err := create(always(200, `{"contact":{"id":7,"first_name":"Steve","last_name":"Jobs"}}`), steve, key); err != nil {
			t.Error(err)
		}
		return always(status, body)
	}
	gone := stored("gone", 404, `{"error":"contact not found"}`)
	errs := []errorText{
		{"no ledger", testkit.Err(testkit.Unused(t).Contacts.Create(t.Context(), steve, growthgenius.Once("7")))},
		{"empty", create(gone, steve, "")},
		{"used for another record", create(gone, testkit.Steve, "gone")},
		{"of a deleted record", create(gone, steve, "gone")},
		{"outcome unknown", create(lossy(200, `{"contacts":[]}`), steve, "lost")},
		{"another record", create(always(200, `{"contact":{"id":5,"first_name":"Bill","last_name":"Gates"}}`), steve, "another")},
	}
	until = time.Now().Add(time.Second)
	return append(errs, errorText{"lease", create(gone, steve, "lease")})
}

// updateErrors are those of updates whose response was lost.
func updateErrors(t *testing.T) []errorText {
	changed := func(record string) error {
		return testkit.Err(testkit.Scripted(t, &testkit.Script{Respond: func(_ int, r *http.Request) (*http.Response, error) {
			if r.Method == http.MethodPatch {
				return nil, io.ErrUnexpectedEOF
			}
			return testkit.Reply(200, record), nil
		}}, retrying).Contacts.Update(t.Context(), "7", steve))
	}
	return []errorText{
		{"changed since", changed(`{"contact":{"id":7,"first_name":"Bill","last_name":"Jobs","updated_at":"2031-01-02T03:04:05Z"}}`)},
		{"changed since, without a time", changed(`{"contact":{"id":7,"first_name":"Bill","last_name":"Gates"}}`)},
	}
}
