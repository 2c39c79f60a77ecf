package test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/growthgenius/growthgenius-go"
	"github.com/growthgenius/growthgenius-go/growthgeniustest"
	"github.com/growthgenius/growthgenius-go/internal/testkit"
)

const fine, coarse = "2006-01-02T15:04:05.000Z07:00", time.RFC3339 // times with milliseconds, and without

// TestUpdateIsReadBeforeItIsSentAgain: the response to an update of the title is lost after
// three seconds. What happens then depends on what the record is found to be.
func TestUpdateIsReadBeforeItIsSentAgain(t *testing.T) {
	t.Parallel()
	const sentAgain, kept = "PATCH GET PATCH", "PATCH GET"
	changed := growthgenius.ErrChangedSince
	for name, tt := range map[string]struct {
		title   string        // as it is read
		updated time.Duration // updated_at, after the first attempt began
		format  string        // of updated_at; "" for none
		header  []string      // of the read
		created bool          // created_at is updated_at
		want    error
		sent    string // methods
	}{
		"carried out":                            {"CTO", time.Second, fine, nil, false, nil, kept},
		"carried out, by a clock that is behind": {"CTO", -time.Hour, fine, nil, false, nil, kept},
		"carried out, and rewritten":             {" cto ", time.Second, fine, nil, false, nil, kept},
		"carried out, without updated_at":        {"CTO", 0, "", nil, false, nil, kept},
		"only its letters were the same before":  {"cto", -time.Hour, fine, nil, false, nil, sentAgain},
		"the same letters, without updated_at":   {"cto", 0, "", nil, false, nil, sentAgain},
		"not carried out":                        {"CEO", -time.Hour, fine, nil, false, nil, sentAgain},
		"not carried out, whole seconds":         {"CEO", -time.Hour, coarse, nil, false, nil, sentAgain},
		"never updated since it was created":     {"CEO", -time.Millisecond, fine, nil, true, nil, sentAgain},
		"created in the same second":             {"CEO", 0, coarse, nil, true, changed, kept},
		"changed since":                          {"Do not contact", time.Second, fine, nil, false, changed, kept},
		"changed by a clock 20 s behind":         {"Do not contact", -19 * time.Second, fine, nil, false, changed, kept},
		"changed by a clock with whole minutes":  {"Do not contact", -60 * time.Second, coarse, nil, false, changed, kept},
		"no updated_at":                          {"CEO", 0, "", nil, false, changed, kept},
		"no Date, and less than a day old":       {"CEO", -time.Hour, fine, []string{"Date", ""}, false, changed, kept},
		"no Date, and older":                     {"CEO", -48 * time.Hour, fine, []string{"Date", ""}, false, nil, sentAgain},
		"read from a cache":                      {"CEO", -time.Hour, fine, []string{"Age", "5"}, false, changed, kept},
		"a server whose clock is behind":         {"Do not contact", -time.Hour, fine, []string{"Date", "-1h"}, false, changed, kept},
		"a Date that is two minutes ahead":       {"Do not contact", time.Second, fine, []string{"Date", "2m"}, false, changed, kept},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var sent []string
				begun := time.Now()
				c := testkit.Scripted(t, &testkit.Script{Respond: func(n int, r *http.Request) (*http.Response, error) {
					sent = append(sent, r.Method)
					switch {
					case n == 1:
						time.Sleep(3 * time.Second)
						return nil, io.ErrUnexpectedEOF
					case r.Method == http.MethodPatch:
						return testkit.Reply(200, `{"contact":{"id":7,"title":"CTO"}}`), nil
					}
					record := map[string]any{"id": 7, "title": tt.title}
					if tt.format != "" {
						record["updated_at"] = begun.Add(tt.updated).UTC().Format(tt.format)
					}
					if tt.created {
						record["created_at"] = record["updated_at"]
					}
					body, _ := json.Marshal(map[string]any{"contact": record})
					res := testkit.Reply(200, string(body), tt.header...)
					if ahead, err := time.ParseDuration(res.Header.Get("Date")); err == nil {
						res.Header.Set("Date", time.Now().Add(ahead).UTC().Format(http.TimeFormat))
					}
					return res, nil
				}})
				contact, err := c.Contacts.Update(t.Context(), "7", growthgenius.ContactInput{Title: growthgenius.Set("CTO")})
				if !errors.Is(err, tt.want) || (tt.want == nil) != (err == nil) || (err == nil) != (contact != nil) {
					t.Errorf("%+v, %v", contact, err)
				}
				if got := strings.Join(sent, " "); got != tt.sent {
					t.Errorf("sent %s, want %s (%v)", got, tt.sent, err)
				}
			})
		})
	}
}

// TestUpdateReadsAsItsCall: the read has the user and the headers of the update, and goes past
// caches. The caller learns how many requests there were.
func TestUpdateReadsAsItsCall(t *testing.T) {
	t.Parallel()
	c := testkit.Scripted(t, &testkit.Script{Respond: func(n int, r *http.Request) (*http.Response, error) {
		if r.URL.Query().Get("user_id") != "9" || r.Header.Get("X-Account") != "a" {
			t.Errorf("request %d is for user %s and account %s", n, r.URL.Query().Get("user_id"), r.Header.Get("X-Account"))
		}
		if r.Method == http.MethodPatch {
			return testkit.Reply(502, ""), nil
		}
		if r.Header.Get("Cache-Control") != "no-cache" {
			t.Error("the read may be from a cache")
		}
		if n == 2 {
			return testkit.Reply(503, ""), nil
		}
		return testkit.Reply(200, `{"contact":{"id":7,"title":"CTO"}}`), nil
	}}, growthgenius.WithRetry(testkit.Quick))
	var info growthgenius.ResponseInfo
	_, err := c.Contacts.Update(t.Context(), "7", growthgenius.ContactInput{Title: growthgenius.Set("CTO")},
		growthgenius.AsUser("9"), growthgenius.WithHeader("X-Account", "a"), growthgenius.CaptureResponse(&info))
	if err != nil || info.StatusCode != 200 || info.Attempts != 3 {
		t.Errorf("%v, %+v", err, info)
	}
}

// TestUpdateIsSentOnce: a 429 needs no read, since the update was not carried out, and a call
// with NoRetry neither reads nor sends again.
func TestUpdateIsSentOnce(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		status int
		opts   []growthgenius.RequestOption
		want   error
		sent   int64
	}{
		"429":               {429, nil, nil, 2},
		"502, and NoRetry":  {502, []growthgenius.RequestOption{growthgenius.NoRetry()}, growthgenius.ErrServer, 1},
		"empty and NoRetry": {200, []growthgenius.RequestOption{growthgenius.NoRetry()}, growthgenius.ErrDecode, 1},
	} {
		s := &testkit.Script{Respond: func(n int, r *http.Request) (*http.Response, error) {
			if r.Method != http.MethodPatch {
				t.Errorf("%s: %s", name, r.Method)
			}
			if n == 1 {
				return testkit.Reply(tt.status, ""), nil
			}
			return testkit.Reply(200, `{"contact":{"id":7}}`), nil
		}}
		_, err := testkit.Scripted(t, s, growthgenius.WithRetry(testkit.Quick)).Contacts.Update(t.Context(), "7", testkit.Steve, tt.opts...)
		if !errors.Is(err, tt.want) || (tt.want == nil) != (err == nil) || s.Sent.Load() != tt.sent {
			t.Errorf("%s: %v after %d requests", name, err, s.Sent.Load())
		}
	}
}

// TestUpdateOfARecordThatCannotBeRead: nothing is sent again, and the error says that the
// update may have been carried out.
func TestUpdateOfARecordThatCannotBeRead(t *testing.T) {
	t.Parallel()
	for status, want := range map[int]error{404: growthgenius.ErrNotFound, 403: growthgenius.ErrForbidden, 500: growthgenius.ErrServer} {
		patches := 0
		c := testkit.Scripted(t, &testkit.Script{Respond: func(_ int, r *http.Request) (*http.Response, error) {
			if r.Method == http.MethodPatch {
				patches++
				return testkit.Reply(502, ""), nil
			}
			return testkit.Reply(status, `{"error":"contact not found"}`), nil
		}}, growthgenius.WithRetry(testkit.Quick))
		_, err := c.Contacts.Update(t.Context(), "7", testkit.Steve)
		if !errors.Is(err, want) || patches != 1 || !strings.Contains(err.Error(), "may have been carried out") {
			t.Errorf("%d: %v after %d PATCHes", status, err, patches)
		}
	}
}

// TestUpdateOfAMessage: messages have no updated_at, so a message that differs may have been
// changed since.
func TestUpdateOfAMessage(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]error{"new": nil, "old": growthgenius.ErrChangedSince} {
		s := &testkit.Script{Respond: func(n int, r *http.Request) (*http.Response, error) {
			if n == 1 {
				return testkit.Reply(502, ""), nil
			}
			return testkit.Reply(200, `{"message":{"id":7,"rendered_copy":"`+text+`"}}`), nil
		}}
		m, err := testkit.Scripted(t, s, growthgenius.WithRetry(testkit.Quick)).Messages.Update(t.Context(), "7",
			growthgenius.MessageInput{RenderedCopy: growthgenius.Set("new")})
		if !errors.Is(err, want) || (want == nil) != (err == nil) || (m != nil) != (err == nil) || s.Sent.Load() != 2 {
			t.Errorf("%s: %+v, %v after %d requests", text, m, err, s.Sent.Load())
		}
	}
}

// TestStampsAreLearned: the responses to creates and updates show how far the times in records
// are behind, so that an update can be told from one that was made since.
func TestStampsAreLearned(t *testing.T) {
	t.Parallel()
	const zone, minutes = 5 * time.Hour, "2006-01-02T15:04:00Z07:00"
	type sample struct {
		behind, took time.Duration
		format       string
	}
	normal := sample{0, 0, fine}
	for name, tt := range map[string]struct {
		samples []sample
		wait    time.Duration // before the update that is lost
		updated time.Duration // when the record was updated last, after the wait
		behind  time.Duration // its updated_at
		format  string        // of that
		changed bool
	}{
		"a second before":                 {[]sample{normal}, time.Minute, -time.Second, 0, fine, false},
		"another zone, since":             {[]sample{{zone, 0, fine}}, time.Minute, time.Second, zone, fine, true},
		"another zone, before":            {[]sample{{zone, 0, fine}}, time.Minute, -time.Second, zone, fine, false},
		"two clocks":                      {[]sample{{zone, 0, fine}, normal}, time.Minute, time.Second, zone, fine, true},
		"whole seconds, since":            {[]sample{{0, 0, coarse}}, 61400 * time.Millisecond, 500 * time.Millisecond, 0, coarse, true},
		"whole seconds, before":           {[]sample{{0, 0, coarse}}, 60400 * time.Millisecond, -2 * time.Second, 0, coarse, false},
		"whole minutes, since":            {[]sample{{0, 0, minutes}}, 90 * time.Second, time.Second, 0, minutes, true},
		"a response that came late":       {[]sample{{0, 2 * time.Minute, fine}}, time.Hour, -90 * time.Second, 0, fine, false},
		"a time that the caller has sent": {[]sample{{9999 * time.Hour, 0, fine}}, time.Hour, -90 * time.Second, 0, fine, false},
	} {
		for _, first := range []string{"create", "update"} {
			t.Run(name+", after a "+first, func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					var updated time.Time
					record := func(id int, title string, at time.Time, format string) (*http.Response, error) {
						return testkit.Reply(200, fmt.Sprintf(`{"contact":{"id":%d,"title":%q,"updated_at":%q}}`, id, title, at.UTC().Format(format))), nil
					}
					c := testkit.Scripted(t, &testkit.Script{Respond: func(n int, r *http.Request) (*http.Response, error) {
						switch {
						case n <= len(tt.samples):
							s, now := tt.samples[n-1], time.Now()
							time.Sleep(s.took)
							id := 7
							if r.Method == http.MethodPost {
								id = 100 + n
							}
							return record(id, "CEO", now.Add(-s.behind), s.format)
						case n == len(tt.samples)+1:
							time.Sleep(3 * time.Second)
							return nil, io.ErrUnexpectedEOF
						case r.Method == http.MethodGet:
							return record(7, "Do not contact", updated.Add(-tt.behind), tt.format)
						default:
							return record(7, "CTO", time.Now(), fine)
						}
					}}, growthgenius.WithAttemptTimeout(time.Hour))
					in := growthgenius.ContactInput{Title: growthgenius.Set("CEO")}
					var err error
					for range tt.samples {
						if first == "create" {
							_, err = c.Contacts.Create(t.Context(), in)
						} else {
							_, err = c.Contacts.Update(t.Context(), "7", in)
						}
						if err != nil {
							t.Error(err)
						}
					}
					time.Sleep(tt.wait)
					updated = time.Now().Add(tt.updated)
					_, err = c.Contacts.Update(t.Context(), "7", growthgenius.ContactInput{Title: growthgenius.Set("CTO")})
					if errors.Is(err, growthgenius.ErrChangedSince) != tt.changed || (err != nil) != tt.changed {
						t.Error(err)
					}
				})
			})
		}
	}
}

// TestUpdateKeepsAColleaguesChange: a server loses the request of an update, and another
// program updates the contact before the attempt times out. That update stands.
func TestUpdateKeepsAColleaguesChange(t *testing.T) {
	t.Parallel()
	for _, way := range []string{"update", "upsert"} {
		for _, field := range []string{"none", "title", "city"} {
			t.Run(way+", "+field, func(t *testing.T) {
				t.Parallel()
				testkit.Bubble(t, func(t *testing.T, srv *testkit.Server) {
					id := srv.AddContacts(growthgenius.Contact{Email: "ada@example.com", Title: "CEO"})[0].ID
					srv.Inject(growthgeniustest.Fault{Method: "PATCH", Effect: growthgeniustest.Hang, Times: 1})
					in := growthgenius.ContactInput{Email: growthgenius.Set("ada@example.com"), Title: growthgenius.Set("CTO")}
					time.AfterFunc(10*time.Second, func() {
						other := map[string]growthgenius.ContactInput{
							"title": {Title: growthgenius.Set("Do not contact")}, "city": {City: growthgenius.Set("Berlin")},
						}
						if in, ok := other[field]; ok {
							if _, err := srv.NewClient().Contacts.Update(t.Context(), id, in); err != nil {
								t.Error(err)
							}
						}
					})
					var err error
					if c := srv.NewClient(); way == "upsert" {
						_, err = c.Contacts.Upsert(t.Context(), in)
					} else {
						_, err = c.Contacts.Update(t.Context(), id, in)
					}
					// An upsert has read the contact before, and so knows that the title is as it was.
					changed := field == "title" || field == "city" && way == "update"
					if errors.Is(err, growthgenius.ErrChangedSince) != changed || (err != nil) != changed {
						t.Error(err)
					}
					want := "CTO"
					if field == "title" {
						want = "Do not contact"
					} else if changed {
						want = "CEO"
					}
					if got := srv.Contacts()[0].Title; got != want {
						t.Errorf("the title is %s", got)
					}
				})
			})
		}
	}
}

// TestUpdateWithoutARecordInTheResponse: status 204 means that the update was carried out.
// Another success without a record may be a proxy's: the record must have what was sent. One
// without JSON is as a 502: a message has nothing that shows that it was not changed since,
// so the update is not sent again.
func TestUpdateWithoutARecordInTheResponse(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		status int
		body   string
		read   string
		want   error
	}{
		"204":                       {204, "", `{"message":{"id":7,"rendered_copy":"rewritten"}}`, nil},
		"204, another record":       {204, "", `{"message":{"id":8}}`, growthgenius.ErrDecode},
		"empty":                     {200, " ", `{"message":{"id":7,"rendered_copy":"x"}}`, nil},
		"empty, not carried out":    {200, "", `{"message":{"id":7,"rendered_copy":"old"}}`, growthgenius.ErrChangedSince},
		"no record":                 {200, `{"success":true}`, `{"message":{"id":7,"rendered_copy":"x"}}`, nil},
		"no record, not done":       {200, `{"success":true}`, `{"message":{"id":7,"rendered_copy":"old"}}`, growthgenius.ErrDecode},
		"a page":                    {200, `<html>Please sign in`, `{"message":{"id":7,"rendered_copy":"old"}}`, growthgenius.ErrChangedSince},
		"a page, carried out":       {200, `<html>Please sign in`, `{"message":{"id":7,"rendered_copy":"x"}}`, nil},
		"the record of another one": {200, `{"message":{"id":8}}`, `{"message":{"id":7,"rendered_copy":"x"}}`, growthgenius.ErrDecode},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := testkit.Scripted(t, &testkit.Script{Respond: func(_ int, r *http.Request) (*http.Response, error) {
				if r.Method == http.MethodPatch {
					return testkit.Reply(tt.status, tt.body), nil
				}
				return testkit.Reply(200, tt.read), nil
			}}, growthgenius.WithRetry(testkit.Quick))
			m, err := c.Messages.Update(t.Context(), "7", growthgenius.MessageInput{RenderedCopy: growthgenius.Set("x")})
			if !errors.Is(err, tt.want) || (tt.want == nil) != (err == nil) || (err == nil) != (m != nil) {
				t.Errorf("%+v, %v", m, err)
			}
		})
	}
}

// TestNoRecordAfter204: the update was carried out, whatever comes of the read, even with
// NoRetry.
func TestNoRecordAfter204(t *testing.T) {
	t.Parallel()
	for status, want := range map[int]error{200: nil, 403: growthgenius.ErrForbidden} {
		c := testkit.Scripted(t, &testkit.Script{Respond: func(n int, r *http.Request) (*http.Response, error) {
			if n == 1 {
				return testkit.Reply(204, ""), nil
			}
			return testkit.Reply(status, `{"contact":{"id":7}}`), nil
		}})
		_, err := c.Contacts.Update(t.Context(), "7", testkit.Steve, growthgenius.NoRetry())
		if !errors.Is(err, want) || (want == nil) != (err == nil) || err != nil && !strings.Contains(err.Error(), "was carried out") {
			t.Errorf("%d: %v", status, err)
		}
	}
}

// TestUUIDInAnotherCase: it names the same record.
func TestUUIDInAnotherCase(t *testing.T) {
	t.Parallel()
	const id = "5a0b1c2d-0000-4000-8000-00000000000f"
	for text, same := range map[string]bool{
		strings.ToUpper(id): true, id: true, "5A0B1C2D-0000-4000-8000-00000000000E": false,
		"5A0B1C2D-0000-4000-8000-00000000000": false, "ab": false,
	} {
		for asked, same := range map[growthgenius.ID]bool{id: same, "AB": false} {
			c := testkit.Scripted(t, testkit.Text(`{"contact":{"id":"`+text+`"}}`), growthgenius.WithRetry(testkit.Quick))
			_, err := c.Contacts.Update(t.Context(), asked, testkit.Steve)
			if (err == nil) != same || err != nil && !errors.Is(err, growthgenius.ErrDecode) {
				t.Errorf("%s for %s: %v", text, asked, err)
			}
		}
	}
}
