package test

import (
	"errors"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/growthgenius/growthgenius-go"
	"github.com/growthgenius/growthgenius-go/growthgeniustest"
	"github.com/growthgenius/growthgenius-go/internal/testkit"
)

// audit compares what creates returned with what the server carried out: each row that was
// returned is one that a create made, none was returned twice, no create was carried out
// twice, and none failed that was carried out. It returns how many outcomes are unknown.
func audit(t *testing.T, srv *testkit.Server, resource string, sent int, outcomes []testkit.Outcome) (unknowns int) {
	t.Helper()
	committed := map[growthgenius.ID]bool{}
	for _, entry := range srv.Ledger() {
		if entry.Resource == resource {
			committed[entry.ID] = true
		}
	}
	given := map[growthgenius.ID]int{}
	for _, o := range outcomes {
		switch {
		case o.Err == nil && !committed[o.ID]:
			t.Errorf("%s was handed out, which nobody created", o.ID)
		case o.Err == nil:
			given[o.ID]++
			if given[o.ID] > 1 {
				t.Errorf("%s was handed out %d times", o.ID, given[o.ID])
			}
		case errors.Is(o.Err, growthgenius.ErrOutcomeUnknown):
			unknowns++
		default:
			t.Errorf("a plain failure: %v", o.Err)
		}
	}
	if len(committed) > sent {
		t.Errorf("%d rows for %d creates", len(committed), sent)
	}
	if missing := len(committed) - len(given); missing > unknowns {
		t.Errorf("%d rows that nobody was told of, and %d unknown", missing, unknowns)
	}
	return unknowns
}

// createAll creates n equal contacts, or n equal messages, at once.
func createAll(t *testing.T, c *growthgenius.Client, resource string, n int) []testkit.Outcome {
	t.Helper()
	outcomes := make([]testkit.Outcome, n)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			o := &outcomes[i]
			if resource == "contact" {
				if contact, err := c.Contacts.Create(t.Context(), testkit.Steve); err != nil {
					o.Err = err
				} else {
					o.ID = contact.ID
				}
			} else if message, err := c.Messages.Create(t.Context(), testkit.Louis); err != nil {
				o.Err = err
			} else {
				o.ID = message.ID
			}
		})
	}
	wg.Wait()
	return outcomes
}

// lostAnswers returns faults that lose the response; some creates are carried out, some not.
func lostAnswers() []growthgeniustest.Fault {
	faults := []growthgeniustest.Fault{
		{Effect: growthgeniustest.Reset, Commit: true, Probability: .2}, {Effect: growthgeniustest.Reset, Probability: .2},
		{Status: 503, Commit: true, Probability: .2}, {Effect: growthgeniustest.HTMLPage, Commit: true, Probability: .2},
	}
	for i := range faults {
		faults[i].Method = "POST"
	}
	return faults
}

var resourceNames = []string{"contact", "message"}

// TestTwins: creates with equal content run at once, and some responses are lost. Each
// returns a row of its own or is unknown, and then Resolve returns its row.
func TestTwins(t *testing.T) {
	t.Parallel()
	for _, resource := range resourceNames {
		for seed := range uint64(6) {
			t.Run(fmt.Sprint(resource, seed), func(t *testing.T) {
				t.Parallel()
				testkit.Bubble(t, func(t *testing.T, srv *testkit.Server) {
					const twins = 16
					srv.Inject(lostAnswers()...)
					c := srv.NewClient()
					outcomes := createAll(t, c, resource, twins)
					audit(t, srv, resource, twins, outcomes)
					srv.ClearFaults()
					resolveAll(t, srv, c, resource, outcomes)
				}, growthgeniustest.WithSeed(seed+1))
			})
		}
	}
}

// resolveAll resolves the unknown outcomes, as far as that is possible, and audits them.
func resolveAll(t *testing.T, srv *testkit.Server, c *growthgenius.Client, resource string, outcomes []testkit.Outcome) {
	t.Helper()
	absent := 0
	for i, o := range outcomes {
		e, ok := errors.AsType[*growthgenius.OutcomeUnknownError](o.Err)
		if !ok {
			continue
		}
		outcomes[i] = testkit.Resolve(t, c, resource, e.Token)
		if errors.Is(outcomes[i].Err, growthgenius.ErrNotFound) {
			absent++
			outcomes[i].Err = growthgenius.ErrOutcomeUnknown // nothing to audit
		}
	}
	audit(t, srv, resource, len(outcomes), outcomes)
	if rows := len(srv.Ledger()); absent > len(outcomes)-rows {
		t.Errorf("%d were called absent, %d of %d are there", absent, rows, len(outcomes))
	}
}

// TestMarkedTwins: with a marker, the creates of two separate clients are told apart, too,
// and none is unknown.
func TestMarkedTwins(t *testing.T) {
	t.Parallel()
	testkit.Bubble(t, func(t *testing.T, srv *testkit.Server) {
		const twins = 16
		for _, f := range lostAnswers() {
			f.Commit = true
			srv.Inject(f)
		}
		var outcomes []testkit.Outcome
		var mu sync.Mutex
		var wg sync.WaitGroup
		for range 2 {
			c := srv.NewClient(growthgenius.WithMarkerField("custom9"))
			wg.Go(func() {
				own := createAll(t, c, "contact", twins/2)
				mu.Lock()
				defer mu.Unlock()
				outcomes = append(outcomes, own...)
			})
		}
		wg.Wait()
		if n := audit(t, srv, "contact", twins, outcomes); n != 0 {
			t.Errorf("%d unknown", n)
		}
	})
}

// TestStrangers: a create does not return a row that it did not make.
func TestStrangers(t *testing.T) {
	t.Parallel()
	lost := growthgeniustest.Fault{Effect: growthgeniustest.Reset}
	wrong := growthgeniustest.Fault{Effect: growthgeniustest.WrongRecord}
	twin := growthgenius.Contact{Email: "sjobs@apple.com", FirstName: "Steve", Title: "CEO"}
	for name, tt := range map[string]struct {
		there     []growthgenius.Contact // a minute before
		meanwhile func(*testing.T, *testkit.Server)
		fault     growthgeniustest.Fault
		found     bool // its own row
	}{
		"a twin was there, nothing created":   {[]growthgenius.Contact{twin}, nil, lost, false},
		"a twin was there, created":           {[]growthgenius.Contact{twin}, nil, committed(lost), true},
		"three twins were there, created":     {[]growthgenius.Contact{twin, twin, twin}, nil, committed(lost), true},
		"a twin in the answer":                {[]growthgenius.Contact{twin}, nil, wrong, true},
		"another record in the answer":        {[]growthgenius.Contact{{Email: "x@y.z"}}, nil, wrong, true},
		"an empty record in the answer":       {nil, nil, wrong, true},
		"one without an e-mail in the answer": {[]growthgenius.Contact{{Name: "x"}}, nil, wrong, true},
		"a twin was there and has just been edited": {[]growthgenius.Contact{twin}, func(t *testing.T, srv *testkit.Server) {
			t.Helper()
			id := srv.Contacts()[0].ID
			if _, err := srv.NewClient().Contacts.Update(t.Context(), id, growthgenius.ContactInput{City: growthgenius.Set("Cupertino")}); err != nil {
				t.Error(err)
			}
		}, lost, false},
		"another client creates a twin meanwhile, nothing created": {nil, func(t *testing.T, srv *testkit.Server) {
			t.Helper()
			similar := testkit.Steve
			similar.Title = growthgenius.Set("CFO") // a near match: neither this call's row nor none
			if _, err := srv.NewClient().Contacts.Create(t.Context(), similar); err != nil {
				t.Error(err)
			}
		}, lost, false},
		"other clients create twins meanwhile, created": {nil, func(t *testing.T, srv *testkit.Server) {
			t.Helper()
			createAll(t, srv.NewClient(), "contact", 9) // which are all equal
		}, committed(lost), false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			testkit.Bubble(t, func(t *testing.T, srv *testkit.Server) {
				old := map[growthgenius.ID]bool{}
				for _, c := range tt.there {
					old[srv.AddContacts(c)[0].ID] = true
				}
				time.Sleep(time.Minute)
				c := srv.NewClient()
				tt.fault.Method, tt.fault.Times = "POST", 1
				srv.Inject(tt.fault)
				var contact *growthgenius.Contact
				var err error
				var wg sync.WaitGroup
				wg.Go(func() { contact, err = c.Contacts.Create(t.Context(), testkit.Steve) })
				if tt.meanwhile != nil {
					time.Sleep(300 * time.Millisecond)
					tt.meanwhile(t, srv)
				}
				wg.Wait()
				switch {
				case tt.found && (err != nil || contact.ID != srv.Ledger()[0].ID):
					t.Errorf("%+v %v", contact, err)
				case !tt.found:
					testkit.Unknown(t, err)
				case err == nil && old[contact.ID]:
					t.Error("an old row was handed out")
				}
				if testkit.Count(srv.Server, "POST", "/contacts") > 1 && tt.meanwhile == nil {
					t.Error("it was sent twice")
				}
			})
		})
	}
}

func committed(f growthgeniustest.Fault) growthgeniustest.Fault {
	f.Commit = true
	return f
}

// TestRowOfAnotherCall: a create that succeeded has its row, and an equal one whose request
// was lost does not get it.
func TestRowOfAnotherCall(t *testing.T) {
	t.Parallel()
	for _, resource := range resourceNames {
		for _, firstIsLost := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s, first is lost %v", resource, firstIsLost), func(t *testing.T) {
				t.Parallel()
				testkit.Bubble(t, func(t *testing.T, srv *testkit.Server) {
					c := srv.NewClient()
					fault := growthgeniustest.Fault{Method: "POST", Effect: growthgeniustest.Reset, Times: 1}
					if !firstIsLost {
						fault.Skip = 1
					}
					srv.Inject(fault)
					var first, second []testkit.Outcome
					var wg sync.WaitGroup
					wg.Go(func() { first = createAll(t, c, resource, 1) })
					time.Sleep(500 * time.Millisecond)
					wg.Go(func() { second = createAll(t, c, resource, 1) })
					wg.Wait()
					if n := audit(t, srv, resource, 2, append(first, second...)); n != 1 {
						t.Errorf("%d unknown", n)
					}
					good, bad := second[0], first[0]
					if !firstIsLost {
						good, bad = bad, good
					}
					if good.Err != nil || bad.Err == nil {
						t.Errorf("%v and %v", good, bad)
					}
					// Its token has the id of the other's row, also in another process.
					e := testkit.Unknown(t, bad.Err)
					if o := testkit.Resolve(t, srv.NewClient(), resource, testkit.ThroughJSON(t, e.Token)); o.Err == nil {
						t.Errorf("the row of another call was handed out by Resolve: %v", o)
					}
				})
			})
		}
	}
}

// awkward is a server that makes it hard to find out what became of a create.
type awkward struct {
	opts []growthgeniustest.ServerOption
	// Whether a create that was carried out is found, and whether one that was not, and may be
	// sent again, succeeds.
	found, replayed bool
}

var awkwardServers = map[string]awkward{
	"10 minutes ahead":    {[]growthgeniustest.ServerOption{growthgeniustest.WithClockSkew(10 * time.Minute)}, true, true},
	"10 minutes behind":   {[]growthgeniustest.ServerOption{growthgeniustest.WithClockSkew(-10 * time.Minute)}, true, true},
	"a day ahead":         {[]growthgeniustest.ServerOption{growthgeniustest.WithClockSkew(24 * time.Hour)}, true, true},
	"a day behind":        {[]growthgeniustest.ServerOption{growthgeniustest.WithClockSkew(-24 * time.Hour)}, true, true},
	"no Date":             {[]growthgeniustest.ServerOption{growthgeniustest.WithNoDate()}, false, false},
	"list of 1":           {[]growthgeniustest.ServerOption{growthgeniustest.WithListCap(1)}, false, false},
	"list of 3":           {[]growthgeniustest.ServerOption{growthgeniustest.WithListCap(3)}, false, false},
	"list lags 1 s":       {[]growthgeniustest.ServerOption{growthgeniustest.WithListLag(time.Second)}, true, true},
	"list lags 3 s":       {[]growthgeniustest.ServerOption{growthgeniustest.WithListLag(3 * time.Second)}, true, true},
	"e-mail rewritten":    {[]growthgeniustest.ServerOption{growthgeniustest.WithEmailNormalization()}, true, true},
	"exclusive bounds":    {[]growthgeniustest.ServerOption{growthgeniustest.WithExclusiveBounds()}, true, true},
	"wrapped items":       {[]growthgeniustest.ServerOption{growthgeniustest.WithWrappedListItems()}, true, true},
	"singular envelopes":  {[]growthgeniustest.ServerOption{growthgeniustest.WithSingularEnvelopes()}, true, true},
	"plural envelopes":    {[]growthgeniustest.ServerOption{growthgeniustest.WithPluralEnvelopes()}, true, true},
	"ids of text":         {[]growthgeniustest.ServerOption{growthgeniustest.WithTextIDs()}, true, true},
	"ahead, list lags":    {[]growthgeniustest.ServerOption{growthgeniustest.WithClockSkew(10 * time.Minute), growthgeniustest.WithListLag(time.Second)}, true, true},
	"behind, list capped": {[]growthgeniustest.ServerOption{growthgeniustest.WithClockSkew(-10 * time.Minute), growthgeniustest.WithListCap(2)}, false, false},
}

// TestAwkwardServers: clocks that are wrong or missing, lists that are capped or lag, e-mails
// that are rewritten. If the outcome cannot be determined, it is unknown, and nothing is
// created twice, even with ReplayAfter.
func TestAwkwardServers(t *testing.T) {
	t.Parallel()
	for name, tt := range awkwardServers {
		for _, resource := range resourceNames {
			for _, replay := range []time.Duration{0, time.Second} {
				t.Run(fmt.Sprintf("%s, %s, ReplayAfter %s", name, resource, replay), func(t *testing.T) {
					t.Parallel()
					testkit.Bubble(t, func(t *testing.T, srv *testkit.Server) {
						c := srv.NewClient(growthgenius.WithReadBack(growthgenius.ReadBackPolicy{ReplayAfter: replay}))
						for i := range 4 { // neighbours in the list
							if o := createNamed(t, srv.NewClient(), resource, fmt.Sprint(i)); o.Err != nil {
								t.Fatal(o.Err)
							}
						}
						before := len(srv.Ledger())
						srv.Inject(growthgeniustest.Fault{Method: "POST", Effect: growthgeniustest.Reset, Commit: true, Times: 1})
						o := createNamed(t, c, resource, " SJobs@Apple.com")
						if n := len(srv.Ledger()) - before; n != 1 {
							t.Fatalf("%d rows", n)
						}
						if tt.found && o.Err != nil || o.Err == nil && o.ID != srv.Ledger()[before].ID {
							t.Errorf("carried out: %+v", o)
						} else if o.Err != nil {
							testkit.Unknown(t, o.Err)
						}
						srv.ClearFaults()
						srv.Inject(growthgeniustest.Fault{Method: "POST", Effect: growthgeniustest.Reset, Times: 1})
						o = createNamed(t, c, resource, " Louis@Apple.com")
						switch rows := len(srv.Ledger()) - before - 1; {
						case replay > 0 && tt.replayed && (o.Err != nil || rows != 1 || o.ID != srv.Ledger()[before+1].ID):
							t.Errorf("not carried out: %+v, %d rows", o, rows)
						case rows > 1 || replay == 0 && rows > 0:
							t.Errorf("not carried out: %d rows", rows)
						case o.Err != nil:
							testkit.Unknown(t, o.Err)
						}
					}, tt.opts...)
				})
			}
		}
	}
}

// createNamed creates a contact or a message with a distinguishing text.
func createNamed(t *testing.T, c *growthgenius.Client, resource, text string) testkit.Outcome {
	t.Helper()
	if resource == "contact" {
		contact, err := c.Contacts.Create(t.Context(), growthgenius.ContactInput{Email: growthgenius.Set(text), FirstName: growthgenius.Set("Steve")})
		if err != nil {
			return testkit.Outcome{Err: err}
		}
		return testkit.Outcome{ID: contact.ID}
	}
	message, err := c.Messages.Create(t.Context(), growthgenius.MessageInput{ContactID: testkit.Louis.ContactID, RenderedCopy: growthgenius.Set(text)})
	if err != nil {
		return testkit.Outcome{Err: err}
	}
	return testkit.Outcome{ID: message.ID}
}

// TestTwinsOnAwkwardServers: even there, no row is returned twice, no create that happened
// is reported as failed, and nothing is created twice.
func TestTwinsOnAwkwardServers(t *testing.T) {
	t.Parallel()
	for name, tt := range awkwardServers {
		for _, resource := range resourceNames {
			t.Run(name+", "+resource, func(t *testing.T) {
				t.Parallel()
				testkit.Bubble(t, func(t *testing.T, srv *testkit.Server) {
					const twins = 8
					srv.Inject(lostAnswers()...)
					c := srv.NewClient()
					outcomes := createAll(t, c, resource, twins)
					audit(t, srv, resource, twins, outcomes)
					srv.ClearFaults()
					resolveAll(t, srv, c, resource, outcomes)
				}, tt.opts...)
			})
		}
	}
}

// TestCappedListProvesNothing: however short the settle window is, a create is not absent
// because a truncated list leaves it out.
func TestCappedListProvesNothing(t *testing.T) {
	t.Parallel()
	for _, resource := range resourceNames {
		for _, most := range []int{1, 2, 5, 7} {
			for _, policy := range []growthgenius.ReadBackPolicy{
				{Settle: time.Millisecond, ReplayAfter: time.Millisecond}, {Settle: time.Second, ReplayAfter: time.Second}, {ReplayAfter: time.Second}, {ReplayAfter: time.Minute},
			} {
				t.Run(fmt.Sprintf("%s, %d, %+v", resource, most, policy), func(t *testing.T) {
					t.Parallel()
					testkit.Bubble(t, func(t *testing.T, srv *testkit.Server) {
						for i := range most { // they fill the list
							if o := createNamed(t, srv.NewClient(), resource, fmt.Sprint(i)); o.Err != nil {
								t.Fatal(o.Err)
							}
							time.Sleep(20 * time.Millisecond)
						}
						srv.Inject(growthgeniustest.Fault{Method: "POST", Effect: growthgeniustest.Reset, Commit: true, Times: 1})
						c := srv.NewClient(growthgenius.WithReadBack(policy))
						e := testkit.Unknown(t, createNamed(t, c, resource, "x").Err)
						if o := testkit.Resolve(t, srv.NewClient(growthgenius.WithReadBack(policy)), resource, testkit.ThroughJSON(t, e.Token)); !errors.Is(o.Err, growthgenius.ErrOutcomeUnknown) {
							t.Errorf("resolved as %+v", o)
						}
						if n := len(srv.Ledger()); n != most+1 {
							t.Errorf("%d rows", n)
						}
					}, growthgeniustest.WithListCap(most))
				})
			}
		}
	}
}

// TestRowOfACallUnderWay: a row may belong to an equal create whose response is on its way.
func TestRowOfACallUnderWay(t *testing.T) {
	t.Parallel()
	for _, resource := range resourceNames {
		t.Run(resource, func(t *testing.T) {
			t.Parallel()
			testkit.Bubble(t, func(t *testing.T, srv *testkit.Server) {
				c := srv.Client(growthgenius.WithHTTPClient(&http.Client{Transport: &testkit.Slowly{RoundTripper: srv, Nth: 2, By: 20 * time.Second}}))
				srv.Inject(growthgeniustest.Fault{Method: "POST", Effect: growthgeniustest.Reset, Times: 1})
				var first, second []testkit.Outcome
				var wg sync.WaitGroup
				wg.Go(func() { first = createAll(t, c, resource, 1) })
				time.Sleep(100 * time.Millisecond)
				wg.Go(func() { second = createAll(t, c, resource, 1) })
				wg.Wait()
				testkit.Unknown(t, first[0].Err)
				if second[0].Err != nil {
					t.Error(second[0].Err)
				}
				audit(t, srv, resource, 2, append(first, second...))
			})
		})
	}
}
