package test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/growthgenius/growthgenius-go"
	"github.com/growthgenius/growthgenius-go/growthgeniustest"
	"github.com/growthgenius/growthgenius-go/internal/testkit"
)

// jose is a contact with text that charsets write differently.
var jose = growthgenius.ContactInput{
	Email: growthgenius.Set("jose@example.com"), FirstName: growthgenius.Set("José"), City: growthgenius.Set("Zürich"),
}

// badBodies are headers by which a body in ISO-8859-1 cannot be decoded, with the words of
// the error.
var badBodies = map[string]struct {
	header http.Header
	words  string
}{
	"bad gzip": {http.Header{"Content-Encoding": {"gzip"}}, "not gzip data"},
	"Brotli":   {http.Header{"Content-Encoding": {"br"}}, `Content-Encoding "br"`},
	"zstd":     {http.Header{"Content-Encoding": {"zstd"}}, `Content-Encoding "zstd"`},
	"charset":  {http.Header{"Content-Type": {"application/json; charset=iso-2022-kr"}}, `"iso-2022-kr"`},
}

// TestDeclaredCharset: text arrives as it was stored, whatever charset the server declares,
// in every kind of response.
func TestDeclaredCharset(t *testing.T) {
	t.Parallel()
	for _, charset := range []string{"ISO-8859-1", "windows-1252", "ISO-8859-15", "UTF-16LE", "GB18030", "utf-8"} {
		testkit.Bubble(t, func(t *testing.T, srv *testkit.Server) {
			srv.Inject(growthgeniustest.Fault{Charset: charset})
			c := srv.NewClient(growthgenius.WithStrictDecoding())
			made, err := c.Contacts.Create(t.Context(), jose)
			if err != nil || made.FirstName != "José" || made.City != "Zürich" {
				t.Fatalf("%s: created %+v, %v", charset, made, err)
			}
			seen := map[string]func() (*growthgenius.Contact, error){
				"get":  func() (*growthgenius.Contact, error) { return c.Contacts.Get(t.Context(), made.ID) },
				"list": func() (*growthgenius.Contact, error) { return first(c.Contacts.List(t.Context(), testkit.Everything)) },
				"stream": func() (*growthgenius.Contact, error) {
					return first(testkit.Drain(t, c.Contacts.Stream(t.Context(), testkit.Everything)))
				},
				"search": func() (*growthgenius.Contact, error) {
					return first(testkit.Drain(t, c.Contacts.SearchAll(t.Context(), growthgenius.SearchOptions{})))
				},
			}
			for name, call := range seen {
				if got, err := call(); err != nil || got.FirstName != "José" {
					t.Errorf("%s: %s: %+v, %v", charset, name, got, err)
				}
			}
			srv.ClearFaults()
			srv.Inject(growthgeniustest.Fault{Charset: charset, Status: 422, Body: `{"error":"né"}`})
			_, err = c.Contacts.Get(t.Context(), made.ID)
			if api, ok := errors.AsType[*growthgenius.APIError](err); !ok || api.Message != "né" {
				t.Errorf("%s: %v", charset, err)
			}
		})
	}
}

// first returns the first record of a list.
func first(all []growthgenius.Contact, err error) (*growthgenius.Contact, error) {
	if err != nil || len(all) == 0 {
		return nil, errors.Join(err, errors.New("no record"))
	}
	return &all[0], nil
}

// TestLostCreateInAnotherCharset: the record is recognized in a list in that charset.
func TestLostCreateInAnotherCharset(t *testing.T) {
	t.Parallel()
	testkit.Bubble(t, func(t *testing.T, srv *testkit.Server) {
		srv.Inject(
			growthgeniustest.Fault{Method: "POST", Times: 1, Effect: growthgeniustest.Reset, Commit: true},
			growthgeniustest.Fault{Charset: "ISO-8859-1"},
		)
		made, err := srv.NewClient().Contacts.Create(t.Context(), jose)
		if err != nil || made.FirstName != "José" || len(srv.Contacts()) != 1 {
			t.Errorf("%+v, %v, %d contacts", made, err, len(srv.Contacts()))
		}
	})
}

// TestUnreadableCreate: a create whose response cannot be decoded is found in the list, and
// happens once.
func TestUnreadableCreate(t *testing.T) {
	t.Parallel()
	for name, bad := range badBodies {
		testkit.Bubble(t, func(t *testing.T, srv *testkit.Server) {
			srv.Inject(growthgeniustest.Fault{Method: "POST", Charset: "ISO-8859-1", Header: bad.header})
			made, err := srv.NewClient().Contacts.Create(t.Context(), jose)
			if err != nil || made.FirstName != "José" || len(srv.Contacts()) != 1 {
				t.Errorf("%s: %+v, %v, %d contacts", name, made, err, len(srv.Contacts()))
			}
		})
	}
}

// TestZippedResponseCutShort: it may have been the whole body, so a read is tried again, and
// a create is looked for.
func TestZippedResponseCutShort(t *testing.T) {
	t.Parallel()
	var zipped bytes.Buffer
	zip := gzip.NewWriter(&zipped)
	_, _ = zip.Write([]byte(`{"contact":{"id":1102755,"email":"jose@example.com"}}`))
	_ = zip.Close()
	for _, kept := range []int{1, 9, 10, 30, zipped.Len() - 8, zipped.Len() - 1} {
		for _, status := range []int{200, 201} {
			testkit.Bubble(t, func(t *testing.T, srv *testkit.Server) {
				cut := growthgeniustest.Fault{
					Status: status, Body: zipped.String()[:kept], Commit: true, Times: 1,
					Header: http.Header{"Content-Encoding": {"gzip"}, "Content-Type": {"application/json"}},
				}
				srv.Inject(cut)
				c := srv.NewClient()
				made, err := c.Contacts.Create(t.Context(), jose)
				if err != nil || len(srv.Contacts()) != 1 || made.ID != srv.Contacts()[0].ID {
					t.Fatalf("%d bytes at %d: %+v, %v, %d contacts", kept, status, made, err, len(srv.Contacts()))
				}
				before := len(srv.Requests())
				srv.Inject(cut)
				if got, err := c.Contacts.Get(t.Context(), made.ID); err != nil || got.ID != made.ID || len(srv.Requests()) != before+2 {
					t.Errorf("%d bytes at %d: %+v, %v", kept, status, got, err)
				}
			})
		}
	}
}

// TestUnreadableResponse: a response that cannot be decoded is an error that says why. It is
// not asked for again, since it would come back the same.
func TestUnreadableResponse(t *testing.T) {
	t.Parallel()
	for name, bad := range badBodies {
		testkit.Bubble(t, func(t *testing.T, srv *testkit.Server) {
			c := srv.NewClient()
			stored := srv.AddContacts(growthgenius.Contact{FirstName: "José"}, growthgenius.Contact{FirstName: "Zoë"})[0]
			srv.Inject(growthgeniustest.Fault{Charset: "ISO-8859-1", Header: bad.header})
			var out any
			calls := map[string]func() error{
				"get":    func() error { return testkit.Err(c.Contacts.Get(t.Context(), stored.ID)) },
				"update": func() error { return testkit.Err(c.Contacts.Update(t.Context(), stored.ID, jose)) },
				"list":   func() error { return testkit.Err(c.Contacts.List(t.Context(), testkit.Everything)) },
				"stream": func() error {
					return testkit.Err(testkit.Drain(t, c.Contacts.Stream(t.Context(), testkit.Everything)))
				},
				"search": func() error { return testkit.Err(c.Contacts.Search(t.Context(), growthgenius.SearchOptions{})) },
				"do":     func() error { return c.Do(t.Context(), "GET", "/contacts/"+string(stored.ID), nil, nil, &out) },
			}
			for call, send := range calls {
				before := len(srv.Requests())
				err := send()
				testkit.OnlyIs(t, err, growthgenius.ErrDecode)
				if n := len(srv.Requests()) - before; n != 1 || !strings.Contains(err.Error(), bad.words) {
					t.Errorf("%s: %s: %v after %d requests", name, call, err, n)
				}
			}
			srv.ClearFaults()
			srv.Inject(growthgeniustest.Fault{Charset: "ISO-8859-1", Status: 422, Header: bad.header, Body: `{"error":"né"}`})
			_, err := c.Contacts.Get(t.Context(), stored.ID)
			testkit.OnlyIs(t, err, growthgenius.ErrValidation)
			if !strings.Contains(err.Error(), bad.words) {
				t.Errorf("%s: %v", name, err)
			}
		})
	}
}

// TestStreamInABrokenCharset: the records before a character that cannot be decoded are
// delivered, and then the error says at which record it is.
func TestStreamInABrokenCharset(t *testing.T) {
	t.Parallel()
	body := `{"contacts":[{"id":1,"first_name":"` + "\xc6\xfc" + `"},{"id":2,"first_name":"` + "\xff" + `"},{"id":3}]}`
	script := responding(200, body, "Content-Type", "application/json; charset=EUC-JP")
	all, err := testkit.Drain(t, testkit.Scripted(t, script).Contacts.Stream(t.Context(), testkit.Everything))
	testkit.OnlyIs(t, err, growthgenius.ErrDecode)
	if len(all) != 1 || all[0].FirstName != "日" || !strings.Contains(err.Error(), "record 2: the text has a character that is not valid EUC-JP") {
		t.Errorf("%+v, %v", all, err)
	}
}

// TestByteOrderMark: a mark before the JSON is skipped.
func TestByteOrderMark(t *testing.T) {
	t.Parallel()
	c := testkit.Scripted(t, testkit.Text("\ufeff"+`{"contacts":[{"id":7,"first_name":"José"}]}`))
	for name, call := range map[string]func() (*growthgenius.Contact, error){
		"get":  func() (*growthgenius.Contact, error) { return c.Contacts.Get(t.Context(), "7") },
		"list": func() (*growthgenius.Contact, error) { return first(c.Contacts.List(t.Context(), testkit.Everything)) },
		"stream": func() (*growthgenius.Contact, error) {
			return first(testkit.Drain(t, c.Contacts.Stream(t.Context(), testkit.Everything)))
		},
	} {
		if got, err := call(); err != nil || got.FirstName != "José" {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
}

// TestForgedLines: no text of a server begins another line of an error or of a log, whatever
// writes that, or moves the cursor of a terminal.
func TestForgedLines(t *testing.T) {
	t.Parallel()
	const forged = "x\r\n2026-01-01 level=INFO msg=forged\u0085\u2028\x1b[2J"
	quoted := strconv.Quote(forged)[1:]
	quoted = strings.NewReplacer(`\x1b`, `\u001b`).Replace(quoted[:len(quoted)-1])
	for name, res := range map[string]*testkit.Script{
		"message":     responding(422, `{"message":"`+quoted+`","code":"`+quoted+`"}`),
		"fields":      responding(422, `{"errors":{"`+quoted+`":["`+quoted+`"]}}`),
		"text":        responding(500, forged),
		"request id":  responding(400, `{}`, "X-Request-Id", forged),
		"redirect":    responding(301, `{}`, "Location", "https://example.com\u2028"),
		"field":       responding(200, `{"contact":{"id":7,"`+quoted+`":1}}`),
		"envelope":    responding(200, `{"`+quoted+`":1,"contact":{"id":7}}`),
		"other id":    responding(200, `{"contact":{"id":"`+quoted+`"}}`),
		"broken JSON": responding(200, forged),
		"charset":     responding(200, "\xe9", "Content-Type", "a/b; charset=\x1b[2J\u2028"),
		"encoding":    responding(200, "x", "Content-Encoding", "\x1b[2J\u2028"),
		"transport": {Respond: func(int, *http.Request) (*http.Response, error) {
			return nil, errors.New(forged)
		}},
	} {
		c := testkit.Scripted(t, res, growthgenius.WithStrictDecoding(), growthgenius.WithRetry(growthgenius.RetryPolicy{MaxAttempts: 1}))
		_, err := c.Contacts.Get(t.Context(), "7")
		if err == nil || strings.ContainsFunc(err.Error(), isUnprintable) {
			t.Errorf("%s: %q", name, err)
		}
		var log plainLog
		c = testkit.Scripted(t, res, growthgenius.WithLogger(slog.New(&log)), growthgenius.WithRetry(testkit.Quick))
		_, _ = c.Contacts.Get(t.Context(), "7")
		if len(log.texts) == 0 || slices.ContainsFunc(log.texts, func(text string) bool { return strings.ContainsFunc(text, isUnprintable) }) {
			t.Errorf("%s: %q", name, log.texts)
		}
	}
}

func isUnprintable(r rune) bool { return !unicode.IsPrint(r) }

// plainLog is a handler that does not quote what it is given.
type plainLog struct {
	slog.Handler // nil: a client uses no other methods

	texts []string
}

func (l *plainLog) Enabled(context.Context, slog.Level) bool { return true }

func (l *plainLog) Handle(_ context.Context, r slog.Record) error {
	l.texts = append(l.texts, r.Message)
	r.Attrs(func(a slog.Attr) bool { l.texts = append(l.texts, a.Value.String()); return true })
	return nil
}

// responding is a script that always responds the same.
func responding(status int, body string, headers ...string) *testkit.Script {
	return &testkit.Script{Respond: func(int, *http.Request) (*http.Response, error) {
		return testkit.Reply(status, body, headers...), nil
	}}
}

// TestKeyInResponseInfo: a server that echoes the request does not put the key where a
// program may log it.
func TestKeyInResponseInfo(t *testing.T) {
	t.Parallel()
	c := testkit.Scripted(t, responding(200, `{"contact":{"id":7}}`, "X-Echo", "Authorization: "+testkit.Secret, "X-Request-Id", testkit.Secret))
	var info growthgenius.ResponseInfo
	if _, err := c.Contacts.Get(t.Context(), "7", growthgenius.CaptureResponse(&info)); err != nil {
		t.Fatal(err)
	}
	if info.Header.Get("X-Echo") != "Authorization: [redacted]" || info.RequestID != "[redacted]" {
		t.Errorf("%+v", info)
	}
}

// TestUndeclaredCharset: bytes that are not UTF-8 are kept as they came, beside an empty
// field, and are an error with strict decoding. No other record suffers from it.
func TestUndeclaredCharset(t *testing.T) {
	t.Parallel()
	const text = "\"Jos\xe9\""
	script := testkit.Text(`{"contacts":[{"id":6,"first_name":` + text + `,"tags":[` + text + `]},{"id":7,"first_name":"Zo\u00eb","title":"x\ud83d"}]}`)
	c := testkit.Scripted(t, script)
	all, err := c.Contacts.List(t.Context(), testkit.Everything)
	if err != nil || len(all) != 2 || all[0].FirstName != "" || string(all[0].Extra["first_name"]) != text ||
		all[1].FirstName != "Zoë" || all[1].Title != "" || string(all[1].Extra["title"]) != `"x\ud83d"` {
		t.Errorf("%+v, %v", all, err)
	}
	_, err = testkit.Scripted(t, script, growthgenius.WithStrictDecoding()).Contacts.List(t.Context(), testkit.Everything)
	testkit.OnlyIs(t, err, growthgenius.ErrDecode)
	if !strings.Contains(err.Error(), "Contact.first_name has an unexpected type (text that is not valid UTF-8)") {
		t.Error(err)
	}
	var out map[string]any
	err = c.Do(t.Context(), "GET", "/users", nil, nil, &out)
	testkit.OnlyIs(t, err, growthgenius.ErrDecode)
}

// TestGarbledRowProvesNothing: while a list has text that cannot be compared, no create is
// called absent.
func TestGarbledRowProvesNothing(t *testing.T) {
	t.Parallel()
	testkit.Bubble(t, func(t *testing.T, srv *testkit.Server) {
		srv.AddContacts(growthgenius.Contact{FirstName: "Zoë", Email: "zoe@example.com", UpdatedAt: time.Now()})
		srv.Inject(
			growthgeniustest.Fault{Method: "POST", Effect: growthgeniustest.Reset},
			growthgeniustest.Fault{Charset: "ISO-8859-1", Header: http.Header{"Content-Type": {"application/json"}}},
		)
		c := srv.NewClient(growthgenius.WithReadBack(growthgenius.ReadBackPolicy{ReplayAfter: time.Second}))
		_, err := c.Contacts.Create(t.Context(), testkit.Steve)
		unknown := testkit.Unknown(t, err)
		if n := testkit.Count(srv.Server, "POST", growthgeniustest.RouteContacts); n != 1 {
			t.Errorf("%d creates were sent", n)
		}
		srv.ClearFaults()
		if _, err := c.Contacts.Resolve(t.Context(), unknown.Token); !errors.Is(err, growthgenius.ErrNotFound) {
			t.Errorf("when the list can be read: %v", err)
		}
	})
}

// TestCreateInAnUndeclaredCharset: a create whose response has such bytes happens once.
func TestCreateInAnUndeclaredCharset(t *testing.T) {
	t.Parallel()
	for _, lost := range []int{0, 1} {
		testkit.Bubble(t, func(t *testing.T, srv *testkit.Server) {
			if lost > 0 {
				srv.Inject(growthgeniustest.Fault{Method: "POST", Times: lost, Effect: growthgeniustest.Reset, Commit: true})
			}
			srv.Inject(growthgeniustest.Fault{Charset: "ISO-8859-1", Header: http.Header{"Content-Type": {"application/json"}}})
			c := srv.NewClient(growthgenius.WithReadBack(growthgenius.ReadBackPolicy{ReplayAfter: time.Second}))
			made, err := c.Contacts.Create(t.Context(), jose)
			if len(srv.Contacts()) != 1 || err != nil && !errors.Is(err, growthgenius.ErrOutcomeUnknown) {
				t.Errorf("%d lost: %+v, %v, %d contacts", lost, made, err, len(srv.Contacts()))
			}
		})
	}
}

// TestOutgoingTextIsNotReplaced: text that is not valid UTF-8 is refused, wherever it is, before
// anything is sent.
func TestOutgoingTextIsNotReplaced(t *testing.T) {
	t.Parallel()
	const bad = "Jos\xe9"
	c := testkit.Unused(t)
	ctx := t.Context()
	raw := json.RawMessage(`"` + bad + `"`)
	var out any
	for name, tt := range map[string]struct {
		send  func() error
		words string
	}{
		"field": {func() error {
			return testkit.Err(c.Contacts.Create(ctx, growthgenius.ContactInput{FirstName: growthgenius.Set(bad)}))
		}, `is not UTF-8: convert it first (field "first_name")`},
		"Extra": {func() error {
			return testkit.Err(c.Contacts.Create(ctx, growthgenius.ContactInput{Extra: map[string]any{"color": []string{bad}}}))
		}, `Extra["color"]`},
		"raw Extra": {func() error {
			return testkit.Err(c.Contacts.Update(ctx, "7", growthgenius.ContactInput{Extra: map[string]any{"color": raw}}))
		}, `Extra["color"]`},
		"name in Extra": {func() error {
			return testkit.Err(c.Contacts.Create(ctx, growthgenius.ContactInput{Extra: map[string]any{bad: 1}}))
		}, "is not valid UTF-8"},
		"id": {func() error {
			return testkit.Err(c.Messages.Create(ctx, growthgenius.MessageInput{ContactID: growthgenius.Set(growthgenius.ID(bad))}))
		}, "contact_id"},
		"search":         {func() error { return testkit.Err(c.Contacts.Search(ctx, growthgenius.SearchOptions{Keywords: bad})) }, "q_keywords"},
		"body":           {func() error { return c.Do(ctx, "POST", "/x", nil, map[string]any{"a": bad}, &out) }, "is not valid UTF-8"},
		"raw body":       {func() error { return c.Do(ctx, "POST", "/x", nil, raw, &out) }, "is not valid UTF-8"},
		"record as body": {func() error { return c.Do(ctx, "POST", "/x", nil, growthgenius.Contact{Name: bad}, &out) }, "is not valid UTF-8"},
		"Extra of record": {func() error {
			return c.Do(ctx, "POST", "/x", nil, growthgenius.Contact{Extra: map[string]json.RawMessage{"a": raw}}, &out)
		}, "is not valid UTF-8"},
	} {
		err := tt.send()
		testkit.OnlyIs(t, err, growthgenius.ErrInvalidInput)
		if !strings.Contains(err.Error(), tt.words) || !strings.Contains(err.Error(), "convert it first") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
