package growthgenius_test

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
)

// skewedAPI is an API in memory whose records are stamped by another clock than the one of
// its Date header, and that may change what it stores. The id of a deleted row is used again.
type skewedAPI struct {
	date  time.Duration        // the clock of the Date header, ahead of ours
	skew  time.Duration        // the clock of the records, ahead of that one
	store func(map[string]any) // changes a record before it is stored
	fate  fateOfPost           // of each POST

	mu    sync.Mutex
	rows  []skewedRow
	posts int
}

type skewedRow struct {
	at     time.Time
	record map[string]any
}

// fateOfPost says whether POST n, from 1, is carried out, and whether it is answered.
type fateOfPost func(n int, sent map[string]any) (carriedOut, answered bool)

func answered(int, map[string]any) (carriedOut, answered bool)   { return true, true }
func answerLost(int, map[string]any) (carriedOut, answered bool) { return true, false }
func allLost(int, map[string]any) (carriedOut, answered bool)    { return false, false }

func (a *skewedAPI) RoundTrip(r *http.Request) (*http.Response, error) {
	time.Sleep(latency)
	defer time.Sleep(latency)
	a.mu.Lock()
	defer a.mu.Unlock()
	status, answer := a.answer(r)
	body, err := json.Marshal(answer)
	return reply(status, string(body), "Date", a.now(0).Format(http.TimeFormat)), err
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
			if !row.at.Before(from) && !row.at.After(to) {
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
	a.rows = append(a.rows, skewedRow{a.now(a.skew).Truncate(time.Millisecond), record})
	if resource == "contact" {
		record["created_at"] = a.rows[len(a.rows)-1].at
		record["updated_at"] = record["created_at"]
	}
}

// addOthers stores records that no create of these tests is like: other people, and other
// messages to the same contact.
func (a *skewedAPI) addOthers(resource string) {
	others := []map[string]any{
		{"email": "tcook@apple.com", "first_name": "Tim", "title": "CEO"},
		{"email": nil, "full_name": "Jony Ive", "company_name": "Apple"},
		{"email": "woz@apple.com", "first_name": "Steve", "title": "CEO"},
	}
	if resource == "message" {
		others = []map[string]any{
			{"contact_id": louis.ContactID, "rendered_copy": "Are you free on Friday?", "message_type": "email"},
			{"contact_id": louis.ContactID, "rendered_copy": "See you on Monday", "message_type": "email"},
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
	c, err := growthgenius.NewClient("SECRET", censored(base, opts)...)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// blind is a client that looks for nothing: Resolve is what looks.
func (a *skewedAPI) blind(t *testing.T) *growthgenius.Client {
	t.Helper()
	return a.client(t, growthgenius.WithReadBack(growthgenius.ReadBackPolicy{Disabled: true}))
}

// warm lets a client learn the clock of the Date header.
func warm(t *testing.T, c *growthgenius.Client) {
	t.Helper()
	if _, err := c.Contacts.List(t.Context(), everything); err != nil {
		t.Error(err)
	}
}

// createOne creates a contact or a message, and says which.
func createOne(t *testing.T, c *growthgenius.Client, in any, opts ...growthgenius.RequestOption) (resource string, o outcome) {
	t.Helper()
	if message, ok := in.(growthgenius.MessageInput); ok {
		made, err := c.Messages.Create(t.Context(), message, opts...)
		if err != nil {
			return "message", outcome{err: err}
		}
		return "message", outcome{id: made.ID}
	}
	made, err := c.Contacts.Create(t.Context(), in.(growthgenius.ContactInput), opts...)
	if err != nil {
		return "contact", outcome{err: err}
	}
	return "contact", outcome{id: made.ID}
}

// neverAbsent: a create that made row 1 is given that row, or nobody can tell.
func neverAbsent(t *testing.T, where string, o outcome, found bool) {
	t.Helper()
	switch {
	case o.err == nil && o.id != "1":
		t.Errorf("%s: row %s was handed out", where, o.id)
	case o.err != nil && found:
		t.Errorf("%s: %v", where, o.err)
	case o.err != nil && (!errors.Is(o.err, growthgenius.ErrOutcomeUnknown) || errors.Is(o.err, growthgenius.ErrNotFound)):
		t.Errorf("%s: a create that was carried out is told as %v", where, o.err)
	}
}

// isAbsent: Resolve says of a create that was not carried out that it was not.
func isAbsent(t *testing.T, where string, o outcome) {
	t.Helper()
	if !errors.Is(o.err, growthgenius.ErrNotFound) || errors.Is(o.err, growthgenius.ErrOutcomeUnknown) {
		t.Errorf("%s: a create that was not carried out is told as %+v", where, o)
	}
}

// madeOnce: a create that is carried out makes one row, with and without ReplayAfter, and
// neither it nor Resolve says that it made none.
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
			if e, ok := errors.AsType[*growthgenius.OutcomeUnknownError](o.err); ok {
				neverAbsent(t, where+", Resolve", resolved(t, c, resource, e.Token), false)
				neverAbsent(t, where+", Resolve elsewhere", resolved(t, api.client(t, opts...), resource, throughJSON(t, e.Token)), false)
			}
		}
	}
}

// TestRecordsOfAnotherClock: the Date header is a proxy's, the times of the records are
// the database's, or local ones that are said to be UTC.
func TestRecordsOfAnotherClock(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		in    any
		skew  time.Duration
		fate  fateOfPost
		found bool
	}{
		"contact, 3 seconds ahead, lost":       {steve, 3 * time.Second, answerLost, true},
		"contact, 3 seconds behind, lost":      {steve, -3 * time.Second, answerLost, false},
		"contact, 5 seconds behind, lost":      {steve, -5 * time.Second, answerLost, false},
		"contact, 15 seconds behind, answered": {steve, -15 * time.Second, answered, false},
		"contact, 5 hours behind, answered":    {steve, -5 * time.Hour, answered, false},
		"contact, in step, lost":               {steve, 0, answerLost, true},
		"message, 3 seconds ahead, lost":       {louis, 3 * time.Second, answerLost, true},
		"message, 3 seconds behind, lost":      {louis, -3 * time.Second, answerLost, false},
		"message, 5 seconds behind, lost":      {louis, -5 * time.Second, answerLost, false},
		"message, 15 seconds behind, answered": {louis, -15 * time.Second, answered, true},
		"message, in step, lost":               {louis, 0, answerLost, true},
		"message, 5 hours behind, answered":    {louis, -5 * time.Hour, answered, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				madeOnce(t, &skewedAPI{skew: tt.skew, fate: tt.fate}, tt.in, tt.found)
			})
		})
	}
}

// rewritten are creates, and what a server makes of them.
var rewritten = map[string]struct {
	in    any
	store map[string]any
	found bool // by its answer
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
		growthgenius.MessageInput{ContactID: louis.ContactID, RenderedCopy: growthgenius.Set("Q&A at 5")},
		map[string]any{"rendered_copy": "Q&amp;A at 5"}, true, nil,
	},
	"no copy, the type is normalised": {
		growthgenius.MessageInput{ContactID: louis.ContactID, MessageType: growthgenius.Set("LinkedIn message")},
		map[string]any{"message_type": "linkedin_message"}, true, nil,
	},
	"the marker is not kept": {steve, map[string]any{"custom9": nil}, true, []growthgenius.Option{growthgenius.WithMarkerField("custom9")}},
}

// TestRewrittenRecords: a server that stores something else than it was sent.
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

// TestAbsenceIsTold: what was not carried out is absent by a list that is empty or has
// other records only, of before and after.
func TestAbsenceIsTold(t *testing.T) {
	t.Parallel()
	type sent struct {
		in   any
		opts []growthgenius.Option
	}
	creates := map[string]sent{"contact": {steve, nil}, "message": {louis, nil}}
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
					token := unknown(t, o.err).Token
					add()
					isAbsent(t, "Resolve", resolved(t, c, resource, token))
					isAbsent(t, "Resolve elsewhere", resolved(t, api.client(t), resource, throughJSON(t, token)))
					if api.posts != 1 {
						t.Errorf("%d POSTs", api.posts)
					}
				})
			})
		}
	}
}

// TestReusedID: the id of a deleted record may be that of the next one, which is told if it
// is made and is absent if it is not.
func TestReusedID(t *testing.T) {
	t.Parallel()
	for name, fate := range map[string]fateOfPost{"answered": answered, "lost": answerLost, "not carried out": allLost} {
		for _, replay := range []time.Duration{0, time.Second} {
			t.Run(fmt.Sprintf("%s, ReplayAfter %s", name, replay), func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					api := &skewedAPI{fate: answered}
					c := api.client(t, growthgenius.WithReadBack(growthgenius.ReadBackPolicy{ReplayAfter: replay}))
					first, err := c.Contacts.Create(t.Context(), steve)
					if err != nil {
						t.Fatal(err)
					}
					if err := c.Contacts.Delete(t.Context(), first.ID); err != nil {
						t.Fatal(err)
					}
					api.fate = fate
					_, o := createOne(t, c, steve)
					carriedOut, told := fate(0, nil)
					if n := len(api.rows); carriedOut && n != 1 || !carriedOut && n != 0 {
						t.Errorf("%d rows", n)
					}
					if carriedOut {
						neverAbsent(t, "Create", o, told)
					}
					if o.err == nil {
						return
					}
					token := unknown(t, o.err).Token
					for _, c := range []*growthgenius.Client{c, api.client(t)} {
						if o := resolved(t, c, "contact", throughJSON(t, token)); carriedOut {
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

// similar are creates whose row is exactly like that of a create of steve.
var similar = map[string]struct {
	in   growthgenius.ContactInput
	opts []growthgenius.RequestOption
}{
	"a field more": {growthgenius.ContactInput{Email: steve.Email, FirstName: steve.FirstName, Title: steve.Title, CompanyName: growthgenius.Set("Apple")}, nil},
	"another user": {steve, []growthgenius.RequestOption{growthgenius.AsUser("2")}},
}

// TestRowOfASimilarCall: nobody is given the row of a similar create, whether the answer
// to that is under way or lost; and two that did not happen do not hide each other.
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
					c := api.client(t, growthgenius.WithHTTPClient(&http.Client{Transport: &slowly{RoundTripper: api, nth: 2, by: second.held}}))
					var a, b outcome
					var wg sync.WaitGroup
					wg.Go(func() { _, a = createOne(t, c, steve) })
					time.Sleep(time.Millisecond)
					wg.Go(func() { _, b = createOne(t, c, tt.in, tt.opts...) })
					wg.Wait()
					first := unknown(t, a.err)
					if carriedOut, told := second.fate(2, nil); carriedOut {
						neverAbsent(t, "the similar one", b, told)
						if b.err != nil {
							neverAbsent(t, "the similar one, Resolve", resolved(t, c, "contact", unknown(t, b.err).Token), false)
						}
						if o := resolved(t, c, "contact", first.Token); o.err == nil {
							t.Errorf("%+v, whose row it is not", o)
						}
						return
					}
					isAbsent(t, "Resolve", resolved(t, c, "contact", first.Token))
					isAbsent(t, "the similar one, Resolve", resolved(t, c, "contact", unknown(t, b.err).Token))
				})
			})
		}
	}
}

// adrift is a token as a machine would have written it whose clock is ahead of ours.
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
	return reread(t, text)
}

// TestTokensOfMachinesAdrift: the token of a machine whose clock is off, with what that knew
// of the server's clock or, in the journal of its first call, without. Absence is told after
// the settle window, by our clock.
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
							token := unknown(t, last(there.Contacts.Create(t.Context(), steve, keep(t, &journal)))).Token
							if tt.journal {
								token = reread(t, journal)
							}
							begun, clockless := time.Now(), tt.first && tt.journal
							o := resolved(t, here, "contact", adrift(t, token, by))
							took := time.Since(begun)
							switch carriedOut, _ := fate(1, nil); {
							case carriedOut:
								neverAbsent(t, "Resolve", o, !clockless)
							case clockless && by > 0: // nothing is told before a time that is yet to come
								unknown(t, o.err)
								time.Sleep(by)
								isAbsent(t, "Resolve", resolved(t, here, "contact", adrift(t, token, by)))
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

// TestClockIsSet: this machine's clock, or the server's, is set between a create and its
// Resolve.
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
					_, o := createOne(t, c, steve)
					token := unknown(t, o.err).Token
					api.date = by
					if o = resolved(t, c, "contact", token); len(api.rows) > 0 {
						neverAbsent(t, "carried out", o, false)
					} else {
						isAbsent(t, "not carried out", o)
					}
				}
			})
		})
	}
}

// eitherFate runs a test after a create without an answer: once it was carried out, and once
// it was not. right fails where Resolve does not tell which.
func eitherFate(t *testing.T, test func(t *testing.T, api *skewedAPI, right func(outcome))) {
	t.Helper()
	for name, fate := range map[string]fateOfPost{"carried out": answerLost, "not carried out": allLost} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				test(t, &skewedAPI{fate: fate}, func(o outcome) {
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

// TestOldToken: a record of over a year ago that was edited today is found by its token,
// and one that was not made is not there.
func TestOldToken(t *testing.T) {
	t.Parallel()
	eitherFate(t, func(t *testing.T, api *skewedAPI, right func(outcome)) {
		_, o := createOne(t, api.blind(t), steve)
		token := unknown(t, o.err).Token
		api.addOthers("contact")
		time.Sleep(400 * 24 * time.Hour)
		api.rows[0].at = api.now(0)
		api.rows[0].record["updated_at"] = api.now(0)
		time.Sleep(time.Minute)
		right(resolved(t, api.client(t), "contact", throughJSON(t, token)))
	})
}

// TestResolvesAtOnce: of one token, some of them canceled, all say the same.
func TestResolvesAtOnce(t *testing.T) {
	t.Parallel()
	eitherFate(t, func(t *testing.T, api *skewedAPI, right func(outcome)) {
		c := api.blind(t)
		_, o := createOne(t, c, steve)
		token := unknown(t, o.err).Token
		var wg sync.WaitGroup
		for i := range 20 {
			wg.Go(func() {
				ctx, cancel := context.WithTimeout(t.Context(), time.Duration(i)*time.Millisecond)
				defer cancel()
				if _, err := c.Contacts.Resolve(ctx, token); errors.Is(err, growthgenius.ErrNotFound) {
					t.Errorf("absent after %d ms", i)
				}
				right(resolved(t, c, "contact", token))
			})
		}
		wg.Wait()
	})
}
