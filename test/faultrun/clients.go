package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"io"
	"math/rand/v2"
	"net/http"
	"strconv"
	"time"

	"github.com/hashicorp/go-retryablehttp"
	"golang.org/x/time/rate"

	"github.com/growthgenius/growthgenius-go"
	"github.com/growthgenius/growthgenius-go/growthgeniustest"
)

// mode is a client and the server's manners.
type mode struct {
	name, label string
	late        float64 // commits whose answer is lost come so many times settings.Late late
	killed      bool    // contacts only, some of them equal, under keys, by a process that is killed
	twins       bool    // contacts only, all of them equal, by clients that share nothing
	naive       bool
	server      []growthgeniustest.ServerOption
	odd         bool // the server misleads: what is unknown may stay so
	options     func(s settings) []growthgenius.Option
	plain       func(p *plain) // sets up a client without read-back
}

var modes = []mode{
	{name: "default", label: "growthgenius-go, default"},
	{name: "late", label: "growthgenius-go, default", late: 1},
	{name: "later", label: "growthgenius-go, default", late: 2},
	{name: "replay", label: "growthgenius-go, ReplayAfter 5 s, MaxAttempts 10", options: replayOptions},
	{
		name: "marker", label: "growthgenius-go, marker field and ReplayAfter; all contacts equal, two processes", twins: true,
		options: func(s settings) []growthgenius.Option {
			return append(replayOptions(s), growthgenius.WithMarkerField("custom9"))
		},
	},
	{name: "killed", label: "growthgenius-go, Once and a ledger in a file", killed: true},
	{name: "killedlate", label: "growthgenius-go, Once and a ledger in a file", killed: true, late: 0.6},
	{
		name: "rewriting", label: "growthgenius-go, default; the server escapes apostrophes", odd: true,
		server: []growthgeniustest.ServerOption{growthgeniustest.WithRewriting(func(_, text string) string { return html.EscapeString(text) })},
	},
	{
		name: "stamps", label: "growthgenius-go, default; records are stamped 20 s behind the Date header", odd: true,
		server: []growthgeniustest.ServerOption{growthgeniustest.WithRecordSkew(-20 * time.Second)},
	},
	{
		name: "capped", label: "growthgenius-go, default; lists end after 100 records", odd: true,
		server: []growthgeniustest.ServerOption{growthgeniustest.WithListCap(100)},
	},
	{name: "retryablehttp", label: "go-retryablehttp, its defaults", naive: true, plain: func(p *plain) {
		client := retryablehttp.NewClient()
		client.Logger = nil
		client.HTTPClient = &p.http
		p.send = func(req *http.Request) (*http.Response, error) {
			r, err := retryablehttp.FromRequest(req)
			if err != nil {
				return nil, err
			}
			return client.Do(r)
		}
	}},
	{name: "loop", label: "a hand-written loop (any error, 429, 5xx; 3 tries)", naive: true, plain: func(p *plain) { p.send = p.loop }},
	{name: "once", label: "net/http, no retry", naive: true, plain: func(p *plain) { p.send = p.http.Do }},
}

// lateness is how late the commits are whose answer is lost.
func (m mode) lateness(s settings) time.Duration {
	return time.Duration(m.late * float64(s.Late)).Round(time.Millisecond)
}

func (m mode) describe(s settings) string {
	label := m.label
	if m.killed {
		label = fmt.Sprintf("%s; killed %d times", label, m.kills(s))
	}
	if m.late > 0 {
		label = fmt.Sprintf("%s; commits %g s late", label, m.lateness(s).Seconds())
	}
	return label
}

func replayOptions(s settings) []growthgenius.Option {
	policy := growthgenius.ReadBackPolicy{Settle: s.Settle, ReplayAfter: 5 * time.Second}
	if s.Settle > 0 {
		policy.ReplayAfter = s.Settle
	}
	return []growthgenius.Option{
		growthgenius.WithRetry(growthgenius.RetryPolicy{MaxAttempts: 10}),
		growthgenius.WithReadBack(policy),
	}
}

// clients makes the clients of a run, and for those of the SDK a way to make another that
// knows nothing of what they did.
func (m mode) clients(srv *growthgeniustest.Server, s settings, wire http.RoundTripper) (creators []creator, fresh func() creator) {
	if m.naive {
		p := &plain{url: srv.URL(), key: srv.APIKey(), user: string(srv.Users()[0].ID)}
		p.http = http.Client{Transport: wire, Timeout: s.Timeout}
		m.plain(p)
		return []creator{p}, nil
	}
	fresh = func() creator {
		options := []growthgenius.Option{
			growthgenius.WithHTTPClient(&http.Client{Transport: wire}),
			growthgenius.WithAttemptTimeout(s.Timeout),
			growthgenius.WithReadBack(growthgenius.ReadBackPolicy{Settle: s.Settle}),
			// The 429s are thrown in at random, whatever the rate: there is no limit to find.
			growthgenius.WithLimiter(rate.NewLimiter(rate.Inf, 0)),
		}
		if m.options != nil {
			options = append(options, m.options(s)...)
		}
		return &sdk{srv.Client(options...)}
	}
	creators = []creator{fresh()}
	if m.twins {
		creators = append(creators, fresh())
	}
	return creators, fresh
}

// sdk creates through this SDK.
type sdk struct{ client *growthgenius.Client }

func (c *sdk) create(ctx context.Context, it *intent) told {
	var t told
	journal := growthgenius.BeforeCreate(func(a growthgenius.CreateToken) error {
		var token struct {
			Marker string `json:"marker"`
		}
		text, err := json.Marshal(a)
		if err == nil {
			err = json.Unmarshal(text, &token)
		}
		if it.key == "" {
			it.key = token.Marker
		}
		return err
	})
	if it.contact != nil {
		var made *growthgenius.Contact
		if made, t.err = c.client.Contacts.Create(ctx, *it.contact, journal); t.err == nil {
			t.id = made.ID
		}
	} else {
		var made *growthgenius.Message
		if made, t.err = c.client.Messages.Create(ctx, *it.message, journal); t.err == nil {
			t.id = made.ID
		}
	}
	if unknown, ok := errors.AsType[*growthgenius.OutcomeUnknownError](t.err); ok {
		t.token = &unknown.Token
	}
	return t
}

// resolve settles an unknown outcome by its token, as another process would read it from
// a journal.
func (c *sdk) resolve(ctx context.Context, it *intent) (growthgenius.ID, error) {
	text, err := json.Marshal(it.told.token)
	if err != nil {
		return "", err
	}
	var token growthgenius.CreateToken
	if err := json.Unmarshal(text, &token); err != nil {
		return "", err
	}
	if it.contact != nil {
		found, err := c.client.Contacts.Resolve(ctx, token)
		if err != nil {
			return "", err
		}
		return found.ID, nil
	}
	found, err := c.client.Messages.Resolve(ctx, token)
	if err != nil {
		return "", err
	}
	return found.ID, nil
}

// plain creates as programs do that know nothing of lost answers.
type plain struct {
	url, key, user string
	http           http.Client
	send           func(*http.Request) (*http.Response, error)
}

func (p *plain) create(ctx context.Context, it *intent) told {
	var body any = map[string]any{"contact": it.contact}
	path := "/contacts"
	if it.message != nil {
		body, path = map[string]any{"message": it.message}, "/messages"
	}
	text, err := json.Marshal(body)
	if err != nil {
		return told{err: err}
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, p.url+path+"?user_id="+p.user, bytes.NewReader(text))
	if err != nil {
		return told{err: err}
	}
	req.Header.Set("Authorization", p.key)
	req.Header.Set("Content-Type", "application/json")
	res, err := p.send(req)
	if err != nil {
		return told{err: err}
	}
	defer res.Body.Close()
	if res.StatusCode >= 300 {
		_, _ = io.Copy(io.Discard, res.Body)
		return told{err: fmt.Errorf("status %d", res.StatusCode)}
	}
	var envelope map[string]struct {
		ID growthgenius.ID `json:"id"`
	}
	if err := json.NewDecoder(res.Body).Decode(&envelope); err != nil {
		return told{err: err}
	}
	for _, made := range envelope {
		return told{id: made.ID}
	}
	return told{err: errors.New("the answer is empty")}
}

// loop is the retry loop that is in so many programs.
func (p *plain) loop(req *http.Request) (*http.Response, error) {
	const tries = 3
	for try := 1; ; try++ {
		body, err := req.GetBody()
		if err != nil {
			return nil, err
		}
		attempt := req.Clone(req.Context())
		attempt.Body = body
		res, err := p.http.Do(attempt)
		if try == tries || err == nil && res.StatusCode != http.StatusTooManyRequests && res.StatusCode < 500 {
			return res, err
		}
		wait := time.Duration(1<<try) * 100 * time.Millisecond
		if err == nil {
			if seconds, bad := strconv.Atoi(res.Header.Get("Retry-After")); bad == nil {
				wait = time.Duration(seconds) * time.Second
			}
			_, _ = io.Copy(io.Discard, res.Body)
			_ = res.Body.Close()
		}
		timer := time.NewTimer(wait + rand.N(50*time.Millisecond)) //nolint:gosec // jitter needs no secrecy
		select {
		case <-timer.C:
		case <-req.Context().Done():
			timer.Stop()
			return nil, req.Context().Err()
		}
	}
}
