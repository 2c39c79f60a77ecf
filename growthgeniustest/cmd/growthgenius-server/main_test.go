package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/growthgenius/growthgenius-go"
)

// started is a running command.
type started struct {
	t    *testing.T
	env  map[string]string // what it has printed
	stop func() string     // ends it, and returns what it printed at the end
}

func start(t *testing.T, args ...string) *started {
	t.Helper()
	out, write := io.Pipe()
	var errs bytes.Buffer
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		ended <- run(ctx, append([]string{"-addr", "127.0.0.1:0", "-admin", "127.0.0.1:0"}, args...), write, &errs)
		_ = write.Close()
	}()
	s := &started{t: t, env: map[string]string{}}
	lines := bufio.NewScanner(out)
	for len(s.env) < 4 && lines.Scan() {
		name, value, _ := strings.Cut(strings.TrimPrefix(lines.Text(), "export "), "=")
		s.env[name] = value
	}
	if len(s.env) < 4 {
		t.Fatalf("it printed %v, and ended with %v", s.env, <-ended)
	}
	s.stop = func() string {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		return errs.String()
	}
	t.Cleanup(cancel)
	return s
}

func (s *started) client() *growthgenius.Client {
	s.t.Helper()
	c, err := growthgenius.NewClient(s.env["GROWTHGENIUS_API_KEY"], growthgenius.WithBaseURL(s.env["GROWTHGENIUS_BASE_URL"]),
		growthgenius.WithUserID(growthgenius.ID(s.env["GROWTHGENIUS_USER_ID"])))
	if err != nil {
		s.t.Fatal(err)
	}
	return c
}

// admin sends a request to the second port, and returns the status and the body.
func (s *started) admin(method, path string) (int, string) {
	s.t.Helper()
	req, err := http.NewRequestWithContext(s.t.Context(), method, s.env["GROWTHGENIUS_ADMIN_URL"]+path, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return res.StatusCode, string(body)
}

func TestServer(t *testing.T) {
	t.Parallel()
	s := start(t, "-contacts", "30", "-shapes", "text-ids, no-content-on-delete", "-key", "another")
	c := s.client()
	created, err := c.Contacts.Create(t.Context(), growthgenius.ContactInput{FullName: growthgenius.Set("Ana Lima")})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := created.ID.Int64(); err == nil {
		t.Errorf("the id %s is not a text: the shape has no effect", created.ID)
	}
	if _, err := c.Messages.Create(t.Context(), growthgenius.MessageInput{ContactID: growthgenius.Set(created.ID)}); err != nil {
		t.Fatal(err)
	}
	found, err := c.Contacts.Search(t.Context(), growthgenius.SearchOptions{Keywords: "byron"})
	if err != nil || len(found.Contacts) != 11 {
		t.Errorf("the search found %v, %v; want the made-up contacts, too", found, err)
	}

	if code, body := s.admin("GET", "/counts"); code != 200 || body != `{"contacts":31,"messages":1,"created_contacts":1,"created_messages":1}`+"\n" {
		t.Errorf("counts: %d %s", code, body)
	}
	_, body := s.admin("GET", "/ledger")
	lines := strings.Split(strings.TrimSpace(body), "\n")
	var e entry
	if err := json.Unmarshal([]byte(lines[0]), &e); err != nil || len(lines) != 2 {
		t.Fatalf("%d lines, %v", len(lines), err)
	}
	if e.ID != string(created.ID) || e.Resource != "contact" || e.UserID != "1" || string(e.Content) != `{"full_name":"Ana Lima"}` || e.Late || time.Since(e.Time) > time.Minute {
		t.Errorf("the ledger has %+v", e)
	}
	if got, want := s.stop(), "1 contacts and 1 messages were created; 31 and 1 are stored\n"; got != want {
		t.Errorf("at the end it printed %q, want %q", got, want)
	}
}

// TestMisbehavior: faults and limits are as set, also while the server runs.
func TestMisbehavior(t *testing.T) {
	t.Parallel()
	s := start(t, "-faults", "1", "-retry-after", "0s")
	status := func() int {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.env["GROWTHGENIUS_BASE_URL"]+"/users", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", s.env["GROWTHGENIUS_API_KEY"])
		ctx, cancel := context.WithTimeout(t.Context(), time.Second) // some faults give no response
		defer cancel()
		res, err := http.DefaultClient.Do(req.WithContext(ctx))
		if err != nil {
			return 0
		}
		defer res.Body.Close()
		if body, err := io.ReadAll(res.Body); err != nil || !strings.HasPrefix(res.Header.Get("Content-Type"), "application/json") || len(body) == 0 {
			return 0
		}
		return res.StatusCode
	}
	for range 5 {
		if code := status(); code == 200 {
			t.Error("a request was not affected by a fault, of which the share is 1")
		}
	}
	if code, body := s.admin("PUT", "/faults?share=0"); code != 204 {
		t.Errorf("%d %s", code, body)
	}
	if code := status(); code != 200 {
		t.Errorf("without faults: status %d", code)
	}
	if code, body := s.admin("PUT", "/rate?per_second=0.001&burst=2&retry_after=3s"); code != 204 {
		t.Errorf("%d %s", code, body)
	}
	if got, want := fmt.Sprint(status(), status(), status()), "200 200 429"; got != want {
		t.Errorf("with a burst of 2: %s, want %s", got, want)
	}
	s.stop()
}

// TestRefused: settings that make no sense are refused, and the error says why.
func TestRefused(t *testing.T) {
	t.Parallel()
	for want, args := range map[string][]string{
		`there is no shape "round"`:   {"-shapes", "round"},
		"from 0 to 1; got 30":         {"-faults", "30"},
		"its burst 1 at least":        {"-rate", "5", "-burst", "0"},
		"must not be negative":        {"-late", "-1s"},
		`unexpected argument "serve"`: {"serve"},
		"-admin: ":                    {"-addr", "127.0.0.1:0", "-admin", "127.0.0.1:99999"},
		"starting the server: ":       {"-addr", "127.0.0.1:99999"},
		"invalid API key":             {"-key", "a b"},
	} {
		if err := run(t.Context(), args, io.Discard, io.Discard); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want an error with %q", args, err, want)
		}
	}
	s := start(t)
	for path, want := range map[string]string{
		"/faults?share=much":  `share: "much" is not a number`,
		"/faults?share=2":     "from 0 to 1; got 2",
		"/faults?late=3":      `late: "3" is not a duration such as 3s`,
		"/rate?per_second=-1": "a rate must be positive",
	} {
		if code, body := s.admin("PUT", path); code != 400 || !strings.Contains(body, want) {
			t.Errorf("%s: %d %s, want %q", path, code, body, want)
		}
	}
	s.stop()
}

func TestMadeUp(t *testing.T) {
	t.Parallel()
	contacts := madeUp(2000)
	emails := map[string]bool{}
	for _, c := range contacts {
		emails[c.Email] = true
	}
	if len(emails) != len(contacts) || slices.ContainsFunc(contacts, func(c growthgenius.Contact) bool { return c.FullName == "" }) {
		t.Errorf("%d addresses of %d contacts", len(emails), len(contacts))
	}
}
