package test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"path"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/growthgenius/growthgenius-go"
	"github.com/growthgenius/growthgenius-go/internal/testkit"
)

// skewedAPI is an API in memory whose records are stamped by another clock than its Date
// header. It may change what it stores, and it reuses the ids of deleted rows.
type skewedAPI struct {
	date  time.Duration        // how far the clock of the Date header is ahead of ours
	skew  time.Duration        // how far the clock of the records is ahead of that one
	store func(map[string]any) // changes a record before it is stored
	fate  fateOfPost           // decides what becomes of each POST

	mu    sync.Mutex
	rows  []skewedRow
	posts int
}

type skewedRow struct {
	resource string
	at       time.Time
	record   map[string]any
}

// fateOfPost reports whether POST n, from 1, is carried out, and whether it gets a response.
type fateOfPost func(n int, sent map[string]any) (carriedOut, answered bool)

func answered(int, map[string]any) (carriedOut, answered bool) { return true, true }

func answerLost(int, map[string]any) (carriedOut, answered bool) { return true, false }

func allLost(int, map[string]any) (carriedOut, answered bool) { return false, false }

func (a *skewedAPI) RoundTrip(r *http.Request) (*http.Response, error) {
	time.Sleep(testkit.Latency)
	defer time.Sleep(testkit.Latency)
	a.mu.Lock()
	defer a.mu.Unlock()
	status, answer := a.answer(r)
	body, err := json.Marshal(answer)
	return testkit.Reply(status, string(body), "Date", a.now(0).Format(http.TimeFormat)), err
}

func (a *skewedAPI) now(skew time.Duration) time.Time { return time.Now().Add(a.date + skew).UTC() }

func (a *skewedAPI) answer(r *http.Request) (int, any) {
	resource, id := "contact", path.Base(r.URL.Path)
	if strings.Contains(r.URL.Path, "/messages") {
		resource = "message"
	}
	if r.Method == http.MethodPost {
		defer r.Body.Close()
		var sent map[string]map[string]any
		if err := json.NewDecoder(r.Body).Decode(&sent); err != nil {
			return 400, nil
		}
		a.posts++
		carriedOut, answered := a.fate(a.posts, sent[resource])
		if carriedOut {
			a.add(resource, sent[resource])
		}
		if !answered {
			return 503, nil
		}
		return 200, map[string]any{resource: sent[resource]}
	}
	if id == resource+"s" {
		from, _ := time.Parse(time.RFC3339, r.URL.Query().Get("from"))
		to, _ := time.Parse(time.RFC3339, r.URL.Query().Get("to"))
		list := []any{}
		for _, row := range a.rows {
			if row.resource == resource && !row.at.Before(from) && !row.at.After(to) {
				list = append(list, row.record)
			}
		}
		return 200, map[string]any{id: list}
	}
	for i, row := range a.rows {
		if fmt.Sprint(row.record["id"]) == id {
			if r.Method == http.MethodDelete {
				a.rows = slices.Delete(a.rows, i, i+1)
			}
			return 200, map[string]any{resource: row.record}
		}
	}
	return 404, nil
}

// add stores a record. Messages do not say when they were made.
func (a *skewedAPI) add(resource string, record map[string]any) {
	record["id"] = len(a.rows) + 1
	if a.store != nil {
		a.store(record)
	}
	a.rows = append(a.rows, skewedRow{resource, a.now(a.skew).Truncate(time.Millisecond), record})
	if resource == "contact" {
		record["created_at"] = a.rows[len(a.rows)-1].at
		record["updated_at"] = record["created_at"]
	}
}

// addOthers stores records that are unlike every create of these tests: other people, and
// other messages to the same contact.
func (a *skewedAPI) addOthers(resource string) {
	others := []map[string]any{
		{"email": "tcook@apple.com", "first_name": "Tim", "title": "CEO"},
		{"email": nil, "full_name": "Jony Ive", "company_name": "Apple"},
		{"email": "woz@apple.com", "first_name": "Steve", "title": "CEO"},
	}
	if resource == "message" {
		others = []map[string]any{
			{"contact_id": testkit.Louis.ContactID, "rendered_copy": "Are you free on Friday?", "message_type": "email"},
			{"contact_id": testkit.Louis.ContactID, "rendered_copy": "See you on Monday", "message_type": "email"},
			{"contact_id": 7, "rendered_copy": "Hey Louis"},
		}
	}
	for _, record := range others {
		time.Sleep(100 * time.Millisecond)
		a.mu.Lock()
		a.add(resource, record)
		a.mu.Unlock()
	}
}

func (a *skewedAPI) client(t *testing.T, opts ...growthgenius.Option) *growthgenius.Client {
	t.Helper()
	base := []growthgenius.Option{growthgenius.WithUserID("1"), growthgenius.WithHTTPClient(&http.Client{Transport: a})}
	c := testkit.NewClient(t, testkit.Secret, append(base, opts...)...)
	return c
}

// blind returns a client without read-back: only Resolve reads lists.
func (a *skewedAPI) blind(t *testing.T) *growthgenius.Client {
	t.Helper()
	return a.client(t, growthgenius.WithReadBack(growthgenius.ReadBackPolicy{Disabled: true}))
}

// warm lets a client learn the clock of the Date header.
func warm(t *testing.T, c *growthgenius.Client) {
	t.Helper()
	if _, err := c.Contacts.List(t.Context(), testkit.Everything); err != nil {
		t.Error(err)
	}
}

// createOne creates a contact or a message, and returns which of the two.
func createOne(t *testing.T, c *growthgenius.Client, in any, opts ...growthgenius.RequestOption) (resource string, o testkit.Outcome) {
	t.Helper()
	if message, ok := in.(growthgenius.MessageInput); ok {
		made, err := c.Messages.Create(t.Context(), message, opts...)
		if err != nil {
			return "message", testkit.Outcome{Err: err}
		}
		return "message", testkit.Outcome{ID: made.ID}
	}
	made, err := c.Contacts.Create(t.Context(), in.(growthgenius.ContactInput), opts...)
	if err != nil {
		return "contact", testkit.Outcome{Err: err}
	}
	return "contact", testkit.Outcome{ID: made.ID}
}

// neverAbsent fails the test unless a create that made row 1 returned that row or an
// unknown outcome. If found is true, it must have returned the row.
func neverAbsent(t *testing.T, where string, o testkit.Outcome, found bool) {
	t.Helper()
	switch {
	case o.Err == nil && o.ID != "1":
		t.Errorf("%s: row %s was handed out", where, o.ID)
	case o.Err != nil && found:
		t.Errorf("%s: %v", where, o.Err)
	case o.Err != nil && (!errors.Is(o.Err, growthgenius.ErrOutcomeUnknown) || errors.Is(o.Err, growthgenius.ErrNotFound)):
		t.Errorf("%s: a create that was carried out is told as %v", where, o.Err)
	}
}

// isAbsent fails the test unless Resolve reported that the create was not carried out.
func isAbsent(t *testing.T, where string, o testkit.Outcome) {
	t.Helper()
	if !errors.Is(o.Err, growthgenius.ErrNotFound) || errors.Is(o.Err, growthgenius.ErrOutcomeUnknown) {
		t.Errorf("%s: a create that was not carried out is told as %+v", where, o)
	}
}

// madeOnce fails the test unless a create that is carried out makes one row, with and
// without ReplayAfter, and does not report that it made none.
func madeOnce(t *testing.T, api *skewedAPI, in any, found bool, opts ...growthgenius.Option) {
	t.Helper()
	for _, replay := range []time.Duration{0, time.Second} {
		for _, known := range []bool{false, true} {
			api.rows = nil
			opts := append(slices.Clip(opts), growthgenius.WithReadBack(growthgenius.ReadBackPolicy{ReplayAfter: replay}))
			c, where := api.client(t, opts...), fmt.Sprintf("ReplayAfter %s, clock known before %v", replay, known)
			if known {
				warm(t, c)
			}
			resource, o := createOne(t, c, in)
			if n := len(api.rows); n != 1 {
				t.Errorf("%s: %d rows", where, n)
			}
			neverAbsent(t, where, o, found)
			if e, ok := errors.AsType[*growthgenius.OutcomeUnknownError](o.Err); ok {
				neverAbsent(t, where+", Resolve", testkit.Resolve(t, c, resource, e.Token), false)
				neverAbsent(t, where+", Resolve elsewhere", testkit.Resolve(t, api.client(t, opts...), resource, testkit.ThroughJSON(t, e.Token)), false)
			}
		}
	}
}

// TestRecordsOfAnotherClock: the Date header is from a proxy, while the times of the records
// are from the database, or are local times that claim to be UTC.
func TestRecordsOfAnotherClock(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		in    any
		skew  time.Duration
		fate  fateOfPost
		found bool
	}{
		"contact, 3 seconds ahead, lost":       {testkit.Steve, 3 * time.Second, answerLost, true},
		"contact, 3 seconds behind, lost":      {testkit.Steve, -3 * time.Second, answerLost, false},
		"contact, 5 seconds behind, lost":      {testkit.Steve, -5 * time.Second, answerLost, false},
		"contact, 15 seconds behind, answered": {testkit.Steve, -15 * time.Second, answered, false},
		"contact, 5 hours behind, answered":    {testkit.Steve, -5 * time.Hour, answered, false},
		"contact, in step, lost":               {testkit.Steve, 0, answerLost, true},
		"message, 3 seconds ahead, lost":       {testkit.Louis, 3 * time.Second, answerLost, true},
		"message, 3 seconds behind, lost":      {testkit.Louis, -3 * time.Second, answerLost, false},
		"message, 5 seconds behind, lost":      {testkit.Louis, -5 * time.Second, answerLost, false},
		"message, 15 seconds behind, answered": {testkit.Louis, -15 * time.Second, answered, true},
		"message, in step, lost":               {testkit.Louis, 0, answerLost, true},
		"message, 5 hours behind, answered":    {testkit.Louis, -5 * time.Hour, answered, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				madeOnce(t, &skewedAPI{skew: tt.skew, fate: tt.fate}, tt.in, tt.found)
			})
		})
	}
}

// rewritten are creates, and how a server changes them before it stores them.
var rewritten = map[string]struct {
	in    any
	store map[string]any
	found bool // if the response names it
	opts  []growthgenius.Option
}{
	"the e-mail's domain becomes punycode": {
		growthgenius.ContactInput{Email: growthgenius.Set("jane@bücher.de"), FirstName: growthgenius.Set("Jane"), LastName: growthgenius.Set("Doe")},
		map[string]any{"email": "jane@xn--bcher-kva.de"}, true, nil,
	},
	"an e-mail that is none becomes null": {
		growthgenius.ContactInput{Email: growthgenius.Set("n/a"), FirstName: growthgenius.Set("Jane"), LastName: growthgenius.Set("Doe")},
		map[string]any{"email": nil}, false, nil,
	},
	"no e-mail, addresses are reformatted": {
		growthgenius.ContactInput{
			FullName: growthgenius.Set("Jane Doe"), CompanyName: growthgenius.Set("Acme"),
			LinkedInURL: growthgenius.Set("https://www.linkedin.com/in/jane"), WorkPhone: growthgenius.Set("(555) 010-0199"),
		},
		map[string]any{"linkedin_url": "linkedin.com/in/jane", "work_phone": "+15550100199"}, true, nil,
	},
	"the copy is escaped": {
		growthgenius.MessageInput{ContactID: testkit.Louis.ContactID, RenderedCopy: growthgenius.Set("Q&A at 5")},
		map[string]any{"rendered_copy": "Q&amp;A at 5"}, true, nil,
	},
	"no copy, the type is normalised": {
		growthgenius.MessageInput{ContactID: testkit.Louis.ContactID, MessageType: growthgenius.Set("LinkedIn message")},
		map[string]any{"message_type": "linkedin_message"}, true, nil,
	},
	"the marker is not kept": {testkit.Steve, map[string]any{"custom9": nil}, true, []growthgenius.Option{growthgenius.WithMarkerField("custom9")}},
}

// TestRewrittenRecords: the server stores something other than what it was sent.
func TestRewrittenRecords(t *testing.T) {
	t.Parallel()
	for name, tt := range rewritten {
		for told, fate := range map[string]fateOfPost{"answered": answered, "lost": answerLost} {
			t.Run(name+", "+told, func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					store := func(record map[string]any) { maps.Copy(record, tt.store) }
					madeOnce(t, &skewedAPI{fate: fate, store: store}, tt.in, tt.found && told == "answered", tt.opts...)
				})
			})
		}
	}
}

// TestAbsenceIsTold: a create that was not carried out is reported as absent if the list is
// empty, or has only other records from before and after it.
func TestAbsenceIsTold(t *testing.T) {
	t.Parallel()
	type sent struct {
		in   any
		opts []growthgenius.Option
	}
	creates := map[string]sent{"contact": {testkit.Steve, nil}, "message": {testkit.Louis, nil}}
	for name, tt := range rewritten {
		creates[name] = sent{tt.in, tt.opts}
	}
	for name, tt := range creates {
		for _, others := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, others %v", name, others), func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					api := &skewedAPI{fate: allLost}
					add := func() {
						if others {
							api.addOthers("contact")
							api.addOthers("message")
						}
					}
					c := api.client(t, tt.opts...)
					add()
					resource, o := createOne(t, c, tt.in)
					token := testkit.Unknown(t, o.Err).Token
					add()
					isAbsent(t, "Resolve", testkit.Resolve(t, c, resource, token))
					isAbsent(t, "Resolve elsewhere", testkit.Resolve(t, api.client(t), resource, testkit.ThroughJSON(t, token)))
					if api.posts != 1 {
						t.Errorf("%d POSTs", api.posts)
					}
				})
			})
		}
	}
}

// TestReusedID: a new record may have the id of a deleted one. Its create is found if it was
// carried out, and absent if it was not.
func TestReusedID(t *testing.T) {
	t.Parallel()
	for name, fate := range map[string]fateOfPost{"answered": answered, "lost": answerLost, "not carried out": allLost} {
		for _, replay := range []time.Duration{0, time.Second} {
			t.Run(fmt.Sprintf("%s, ReplayAfter %s", name, replay), func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					api := &skewedAPI{fate: answered}
					c := api.client(t, growthgenius.WithReadBack(growthgenius.ReadBackPolicy{ReplayAfter: replay}))
					first, err := c.Contacts.Create(t.Context(), testkit.Steve)
					if err != nil {
						t.Fatal(err)
					}
					if err := c.Contacts.Delete(t.Context(), first.ID); err != nil {
						t.Fatal(err)
					}
					api.fate = fate
					_, o := createOne(t, c, testkit.Steve)
					carriedOut, told := fate(0, nil)
					if n := len(api.rows); carriedOut && n != 1 || !carriedOut && n != 0 {
						t.Errorf("%d rows", n)
					}
					if carriedOut {
						neverAbsent(t, "Create", o, told)
					}
					if o.Err == nil {
						return
					}
					token := testkit.Unknown(t, o.Err).Token
					for _, c := range []*growthgenius.Client{c, api.client(t)} {
						if o := testkit.Resolve(t, c, "contact", testkit.ThroughJSON(t, token)); carriedOut {
							neverAbsent(t, "Resolve", o, false)
						} else {
							isAbsent(t, "Resolve", o)
						}
					}
				})
			})
		}
	}
}

// similar are creates whose row is exactly like the row of a create of testkit.Steve.
var similar = map[string]struct {
	in   growthgenius.ContactInput
	opts []growthgenius.RequestOption
}{
	"a field more": {growthgenius.ContactInput{Email: testkit.Steve.Email, FirstName: testkit.Steve.FirstName, Title: testkit.Steve.Title, CompanyName: growthgenius.Set("Apple")}, nil},
	"another user": {testkit.Steve, []growthgenius.RequestOption{growthgenius.AsUser("2")}},
}

// TestRowOfASimilarCall: no create gets the row of a similar one, whether the response to
// that one is on its way or lost. Two creates that did not happen do not hide each other.
func TestRowOfASimilarCall(t *testing.T) {
	t.Parallel()
	for name, tt := range similar {
		for what, second := range map[string]struct {
			fate fateOfPost
			held time.Duration
		}{
			"under way": {answered, 10 * time.Second}, "lost": {answerLost, 0}, "lost late": {answerLost, 10 * time.Second}, "not carried out": {allLost, 0},
		} {
			t.Run(name+", "+what, func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					api := &skewedAPI{fate: func(n int, sent map[string]any) (carriedOut, answered bool) {
						if n == 1 {
							return false, false
						}
						return second.fate(n, sent)
					}}
					c := api.client(t, growthgenius.WithHTTPClient(&http.Client{Transport: &testkit.Slowly{RoundTripper: api, Nth: 2, By: second.held}}))
					var a, b testkit.Outcome
					var wg sync.WaitGroup
					wg.Go(func() { _, a = createOne(t, c, testkit.Steve) })
					time.Sleep(time.Millisecond)
					wg.Go(func() { _, b = createOne(t, c, tt.in, tt.opts...) })
					wg.Wait()
					first := testkit.Unknown(t, a.Err)
					if carriedOut, told := second.fate(2, nil); carriedOut {
						neverAbsent(t, "the similar one", b, told)
						if b.Err != nil {
							neverAbsent(t, "the similar one, Resolve", testkit.Resolve(t, c, "contact", testkit.Unknown(t, b.Err).Token), false)
						}
						if o := testkit.Resolve(t, c, "contact", first.Token); o.Err == nil {
							t.Errorf("%+v, whose row it is not", o)
						}
						return
					}
					isAbsent(t, "Resolve", testkit.Resolve(t, c, "contact", first.Token))
					isAbsent(t, "the similar one, Resolve", testkit.Resolve(t, c, "contact", testkit.Unknown(t, b.Err).Token))
				})
			})
		}
	}
}

// adrift returns a token as it would be if the clock of the machine that wrote it had been
// ahead of ours.
func adrift(t *testing.T, a growthgenius.CreateToken, by time.Duration) growthgenius.CreateToken {
	t.Helper()
	text, err := json.Marshal(a)
	if err != nil {
		t.Fatal(err)
	}
	var doc map[string]any
	if err := json.Unmarshal(text, &doc); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"started", "ended"} {
		if s, ok := doc[name].(string); ok {
			at, err := time.Parse(time.RFC3339Nano, s)
			if err != nil {
				t.Fatal(err)
			}
			doc[name] = at.Add(by)
		}
	}
	if ahead, ok := doc["ahead"].([]any); ok {
		doc["ahead"] = []float64{ahead[0].(float64) - float64(by), ahead[1].(float64) - float64(by)}
	}
	if text, err = json.Marshal(doc); err != nil {
		t.Fatal(err)
	}
	return testkit.ReadToken(t, text)
}

// TestTokensOfMachinesAdrift: the clock of the machine that wrote the token is wrong. The
// token records what the machine knew of the server's clock, or nothing if it is from the
// journal of its first call. Absence is reported after the settle window, by our clock.
func TestTokensOfMachinesAdrift(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct{ first, journal bool }{
		"first call, journal": {true, true}, "first call, error": {true, false}, "journal": {false, true}, "error": {false, false},
	} {
		for _, by := range []time.Duration{0, time.Minute, -time.Minute, time.Hour} {
			for _, known := range []bool{true, false} { // the server's clock, here
				t.Run(fmt.Sprintf("%s, %s ahead, clock known %v", name, by, known), func(t *testing.T) {
					t.Parallel()
					synctest.Test(t, func(t *testing.T) {
						for _, fate := range []fateOfPost{answerLost, allLost} {
							api := &skewedAPI{fate: fate}
							there, here := api.blind(t), api.client(t)
							if !tt.first {
								warm(t, there)
							}
							if known {
								warm(t, here)
							}
							var journal []byte
							token := testkit.Unknown(t, testkit.Err(there.Contacts.Create(t.Context(), testkit.Steve, testkit.KeepToken(t, &journal)))).Token
							if tt.journal {
								token = testkit.ReadToken(t, journal)
							}
							begun, clockless := time.Now(), tt.first && tt.journal
							o := testkit.Resolve(t, here, "contact", adrift(t, token, by))
							took := time.Since(begun)
							switch carriedOut, _ := fate(1, nil); {
							case carriedOut:
								neverAbsent(t, "Resolve", o, !clockless)
							case clockless && by > 0: // nothing is certain before a time that is in the future
								testkit.Unknown(t, o.Err)
								time.Sleep(by)
								isAbsent(t, "Resolve", testkit.Resolve(t, here, "contact", adrift(t, token, by)))
							default:
								isAbsent(t, "Resolve", o)
								if took < 4*time.Second || took > 20*time.Second {
									t.Errorf("resolved after %s, and the settle window has 5s", took)
								}
							}
						}
					})
				})
			}
		}
	}
}

// TestClockIsSet: the clock of this machine or of the server is changed between a create and
// its Resolve.
func TestClockIsSet(t *testing.T) {
	t.Parallel()
	for _, by := range []time.Duration{time.Minute, -time.Minute} {
		t.Run(by.String(), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				for _, fate := range []fateOfPost{answerLost, allLost} {
					api := &skewedAPI{fate: fate}
					c := api.blind(t)
					warm(t, c)
					_, o := createOne(t, c, testkit.Steve)
					token := testkit.Unknown(t, o.Err).Token
					api.date = by
					if o = testkit.Resolve(t, c, "contact", token); len(api.rows) > 0 {
						neverAbsent(t, "carried out", o, false)
					} else {
						isAbsent(t, "not carried out", o)
					}
				}
			})
		})
	}
}

// eitherFate runs a test twice after a create without a response: one that was carried out,
// and one that was not. right fails the test if Resolve reports the wrong one.
func eitherFate(t *testing.T, test func(t *testing.T, api *skewedAPI, right func(testkit.Outcome))) {
	t.Helper()
	for name, fate := range map[string]fateOfPost{"carried out": answerLost, "not carried out": allLost} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				test(t, &skewedAPI{fate: fate}, func(o testkit.Outcome) {
					t.Helper()
					if name == "carried out" {
						neverAbsent(t, "Resolve", o, true)
					} else {
						isAbsent(t, "Resolve", o)
					}
				})
			})
		})
	}
}

// TestOldToken: a record that is over a year old and was edited today is found by its token,
// and a create that did not happen is absent.
func TestOldToken(t *testing.T) {
	t.Parallel()
	eitherFate(t, func(t *testing.T, api *skewedAPI, right func(testkit.Outcome)) {
		_, o := createOne(t, api.blind(t), testkit.Steve)
		token := testkit.Unknown(t, o.Err).Token
		api.addOthers("contact")
		time.Sleep(400 * 24 * time.Hour)
		api.rows[0].at = api.now(0)
		api.rows[0].record["updated_at"] = api.now(0)
		time.Sleep(time.Minute)
		right(testkit.Resolve(t, api.client(t), "contact", testkit.ThroughJSON(t, token)))
	})
}

// TestResolvesAtOnce: concurrent calls for one token, some of them canceled, agree.
func TestResolvesAtOnce(t *testing.T) {
	t.Parallel()
	eitherFate(t, func(t *testing.T, api *skewedAPI, right func(testkit.Outcome)) {
		c := api.blind(t)
		_, o := createOne(t, c, testkit.Steve)
		token := testkit.Unknown(t, o.Err).Token
		var wg sync.WaitGroup
		for i := range 20 {
			wg.Go(func() {
				ctx, cancel := context.WithTimeout(t.Context(), time.Duration(i)*time.Millisecond)
				defer cancel()
				if _, err := c.Contacts.Resolve(ctx, token); errors.Is(err, growthgenius.ErrNotFound) {
					t.Errorf("absent after %d ms", i)
				}
				right(testkit.Resolve(t, c, "contact", token))
			})
		}
		wg.Wait()
	})
}
