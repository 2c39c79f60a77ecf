package bulk_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/growthgenius/growthgenius-go"
	"github.com/growthgenius/growthgenius-go/bulk"
	"github.com/growthgenius/growthgenius-go/growthgeniustest"
	"github.com/growthgenius/growthgenius-go/internal/testkit"
	"github.com/growthgenius/growthgenius-go/ledger"
)

// rowsOf returns rows whose lines are those of a file with a header.
func rowsOf(inputs ...growthgenius.ContactInput) iter.Seq2[bulk.Row, error] {
	return func(yield func(bulk.Row, error) bool) {
		for i, in := range inputs {
			if !yield(bulk.Row{Line: i + 2, Input: in}, nil) {
				return
			}
		}
	}
}

// person returns an input with fields such as "email=ada@example.com".
func person(t testing.TB, fields ...string) growthgenius.ContactInput {
	t.Helper()
	values := map[string]any{}
	for _, field := range fields {
		name, value, _ := strings.Cut(field, "=")
		values[name] = value
		if value == "null" {
			values[name] = nil
		}
	}
	return testkit.Decode[growthgenius.ContactInput](t, testkit.JSON(t, values))
}

// results returns the results in short: "2 created 7", with what was changed.
func results(t testing.TB, run *bulk.Run) []string {
	t.Helper()
	var all []string
	for r, err := range run.Results() {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, short(r))
	}
	return all
}

func short(r *bulk.Result) string {
	text := fmt.Sprint(r.Line, " ", r.Outcome)
	switch {
	case r.Outcome == bulk.Duplicate:
		text += fmt.Sprint(" of ", r.Of)
	case r.ID != "":
		text += " " + string(r.ID)
	}
	if r.Outcome == bulk.Updated {
		for _, c := range r.Changes {
			text += fmt.Sprint(" ", c)
		}
	}
	if r.Field != "" {
		text += " " + r.Field
	}
	return text
}

func expect(t testing.TB, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("got\n\t%s\nwant\n\t%s", strings.Join(got, "\n\t"), strings.Join(want, "\n\t"))
	}
}

// TestImport: rows are matched by their addresses, and the requests are one list and one for
// each row that changes something.
func TestImport(t *testing.T) {
	t.Parallel()
	testkit.Bubble(t, func(t *testing.T, srv *testkit.Server) {
		stored := srv.AddContacts(
			growthgenius.Contact{Email: "Ada@Example.com", FirstName: "Ada", Title: "CTO"},
			growthgenius.Contact{Email: "bob@example.com", FirstName: "Bob"},
			growthgenius.Contact{Email: "two@example.com"}, growthgenius.Contact{Email: "two@example.com"},
			growthgenius.Contact{Email: "eve@example.com", FirstName: "Eve"},
		)
		c := srv.NewClient(growthgenius.WithLedger(ledger.NewMemory()))
		got := results(t, bulk.Import(t.Context(), c, rowsOf(
			person(t, "email=ada@example.com", "title=CEO", "first_name=Ada"), // 2
			person(t, "email=bob@example.com", "first_name=Bob"),
			person(t, "email=new@example.com", "first_name=New"),
			person(t, "email=two@example.com", "first_name=Two"),
			person(t, "email=ADA@example.com", "title=CFO"), // 6
			person(t, "email=n/a", "first_name=Nobody"),
			person(t),
			person(t, "first_name=Twin"),
			person(t, "first_name=Twin"), // 10
			person(t, "email=eve+news@example.com"),
			person(t, "email=Eve+News@example.com"), // 12
		), bulk.ImportOptions{Concurrency: 1}))
		expect(t, got,
			fmt.Sprintf(`2 updated %s title: "CTO" → "CEO"`, stored[0].ID),
			fmt.Sprintf("3 unchanged %s", stored[1].ID),
			"4 created 1102760",
			"5 rejected email",
			"6 duplicate of 2",
			"7 rejected email",
			"8 rejected",
			"9 created 1102761",
			"10 created 1102762",
			"11 rejected email",
			"12 rejected email",
		)
		if n := testkit.Count(srv.Server, http.MethodGet, "/contacts"); n != 1 {
			t.Errorf("%d reads", n)
		}
	})
}

// TestImportModes: what an import does with a contact that is there.
func TestImportModes(t *testing.T) {
	t.Parallel()
	for mode, want := range map[bulk.Mode]string{
		bulk.Upsert:     `2 updated 1102755 city: "Rome" → null title: "CTO" → "CEO" work_phone: "NaN" → "1"`,
		bulk.CreateOnly: "2 skipped 1102755 email",
		bulk.FillBlanks: `2 updated 1102755 work_phone: "NaN" → "1"`,
	} {
		testkit.Bubble(t, func(t *testing.T, srv *testkit.Server) {
			srv.AddContacts(growthgenius.Contact{Email: "ada@example.com", Title: "CTO", City: "Rome", WorkPhone: "NaN"})
			c := srv.NewClient(growthgenius.WithLedger(ledger.NewMemory()))
			row := person(t, "email=ada@example.com", "title=CEO", "work_phone=1", "city=null")
			expect(t, results(t, bulk.Import(t.Context(), c, rowsOf(row), bulk.ImportOptions{Mode: mode})), want)
		})
	}
}

// TestImportOldest: of several contacts with an address, the oldest is updated on request.
func TestImportOldest(t *testing.T) {
	t.Parallel()
	testkit.Bubble(t, func(t *testing.T, srv *testkit.Server) {
		now := time.Now()
		for i, age := range []time.Duration{2 * time.Hour, 3 * time.Hour, time.Hour} {
			at := now.Add(-age)
			srv.AddContacts(growthgenius.Contact{ID: growthgenius.ID(fmt.Sprint(i + 1)), Email: "ada@example.com", CreatedAt: at, UpdatedAt: at})
		}
		c := srv.NewClient(growthgenius.WithLedger(ledger.NewMemory()))
		rows := rowsOf(person(t, "email=ada@example.com", "title=CEO"))
		for r, err := range bulk.Import(t.Context(), c, rows, bulk.ImportOptions{}).Results() {
			if err != nil || r.Outcome != bulk.Rejected || !errors.Is(r.Err, growthgenius.ErrMultipleMatches) || !strings.Contains(r.Err.Error(), "3 contacts have the e-mail address") {
				t.Errorf("%v, %v", r, err)
			}
		}
		expect(t, results(t, bulk.Import(t.Context(), c, rows, bulk.ImportOptions{Oldest: true})), `2 updated 2 title: "CEO"`)
	})
}

// TestImportRepeats: rows with the same address count once, or each in their order.
func TestImportRepeats(t *testing.T) {
	t.Parallel()
	rows := func(t *testing.T) iter.Seq2[bulk.Row, error] {
		return rowsOf(
			person(t, "email=ada@example.com", "title=CTO"),
			person(t, "first_name=Other"),
			person(t, "email=ada@example.com", "title=CEO", "city=Rome"),
			person(t, "email=Ada@example.com", "title=CEO"),
			person(t, "email=ada@example.com", "title=CFO"),
		)
	}
	for _, tt := range []struct {
		o    bulk.ImportOptions
		want []string
	}{
		{bulk.ImportOptions{}, []string{"2 created 1102755", "3 created 1102756", "4 duplicate of 2", "5 duplicate of 2", "6 duplicate of 2"}},
		{bulk.ImportOptions{Repeats: bulk.ApplyRepeats}, []string{
			"2 created 1102755", "3 created 1102756", `4 updated 1102755 city: "Rome" title: "CTO" → "CEO"`,
			"5 unchanged 1102755", `6 updated 1102755 title: "CEO" → "CFO"`,
		}},
		{bulk.ImportOptions{Repeats: bulk.ApplyRepeats, DryRun: true}, []string{
			"2 created", "3 created", `4 updated city: "Rome" title: "CTO" → "CEO"`, "5 unchanged", `6 updated title: "CEO" → "CFO"`,
		}},
	} {
		testkit.Bubble(t, func(t *testing.T, srv *testkit.Server) {
			c := srv.NewClient(growthgenius.WithLedger(ledger.NewMemory()))
			tt.o.Concurrency = 1
			expect(t, results(t, bulk.Import(t.Context(), c, rows(t), tt.o)), tt.want...)
			tt.o.Concurrency = 8
			requests := len(srv.Requests())
			expect(t, results(t, bulk.Import(t.Context(), c, rows(t), tt.o)), tt.want...)
			if n := len(srv.Requests()) - requests; n > 1 || tt.o.DryRun == (len(srv.Ledger()) > 0) {
				t.Errorf("%d creates, and %d requests in the second run", len(srv.Ledger()), n)
			}
		})
	}
}

// TestImportRepeatOfARejectedRow: the next row with the address counts instead.
func TestImportRepeatOfARejectedRow(t *testing.T) {
	t.Parallel()
	testkit.Bubble(t, func(t *testing.T, srv *testkit.Server) {
		srv.Inject(growthgeniustest.Fault{Method: http.MethodPost, Status: 422, Body: `{"errors":{"title":["is too long"]}}`, Times: 1})
		c := srv.NewClient(growthgenius.WithLedger(ledger.NewMemory()))
		expect(t, results(t, bulk.Import(t.Context(), c, rowsOf(
			person(t, "email=ada@example.com", "title=CTO"),
			person(t, "email=ada@example.com", "title=CEO"),
			person(t, "email=ada@example.com", "title=CFO"),
		), bulk.ImportOptions{})), "2 rejected title", "3 created 1102755", "4 duplicate of 3")
	})
}

// TestImportAgain: a run with the same ledger applies no row twice, whatever its line is, and
// costs nothing but the list.
func TestImportAgain(t *testing.T) {
	t.Parallel()
	testkit.Bubble(t, func(t *testing.T, srv *testkit.Server) {
		srv.AddContacts(growthgenius.Contact{Email: "bob@example.com", Title: "CTO"})
		l := ledger.NewMemory()
		c := srv.NewClient(growthgenius.WithLedger(l))
		twin, ada, bob := person(t, "first_name=Twin"), person(t, "email=ada@example.com"), person(t, "email=bob@example.com", "title=CEO")
		o := bulk.ImportOptions{Concurrency: 1}
		expect(t, results(t, bulk.Import(t.Context(), c, rowsOf(twin, ada, bob, twin), o)),
			"2 created 1102756", "3 created 1102757", `4 updated 1102755 title: "CTO" → "CEO"`, "5 created 1102758")
		before := len(srv.Requests())
		if _, err := c.Contacts.Update(t.Context(), "1102755", person(t, "title=mine")); err != nil {
			t.Fatal(err)
		}
		expect(t, results(t, bulk.Import(t.Context(), c, rowsOf(bob, twin, twin, ada), o)),
			`2 updated 1102755 title: "CTO" → "CEO"`, "3 created 1102756", "4 created 1102758", "5 created 1102757")
		if n := len(srv.Requests()) - before; n != 2 {
			t.Errorf("%d requests, and not the update and the list", n)
		}

		// Another input needs another name, or the permission to differ.
		more := rowsOf(twin, ada, bob, twin, twin)
		for _, err := range bulk.Import(t.Context(), c, more, o).Results() {
			if !errors.Is(err, bulk.ErrOtherInput) || !strings.Contains(err.Error(), "4 rows; this one has 5") {
				t.Errorf("another input: %v", err)
			}
		}
		o.AllowChanges = true
		if got := results(t, bulk.Import(t.Context(), c, more, o)); got[4] != "6 created 1102759" {
			t.Errorf("with one more row: %s", got)
		}
	})
}

// TestImportPlan: a dry run sends no write, and what it said is what its plan does. What has
// changed since is left alone.
func TestImportPlan(t *testing.T) {
	t.Parallel()
	testkit.Bubble(t, func(t *testing.T, srv *testkit.Server) {
		srv.AddContacts(
			growthgenius.Contact{ID: "1", Email: "ada@example.com", Title: "CTO"},
			growthgenius.Contact{ID: "2", Email: "bob@example.com", Title: "CTO"},
		)
		c := srv.NewClient(growthgenius.WithLedger(ledger.NewMemory()))
		rows := rowsOf(
			person(t, "email=ada@example.com", "title=CEO"), person(t, "email=bob@example.com", "title=CEO"),
			person(t, "email=new@example.com"), person(t, "email=eve@example.com"), person(t, "email=eve@example.com"), person(t, "first_name=Twin"),
		)
		dry := bulk.Import(t.Context(), c, rows, bulk.ImportOptions{DryRun: true})
		expect(t, results(t, dry), `2 updated 1 title: "CTO" → "CEO"`, `3 updated 2 title: "CTO" → "CEO"`, "4 created", "5 created", "6 duplicate of 5", "7 created")
		if n := len(srv.Requests()); n != 1 || len(dry.Plan()) != 16 {
			t.Errorf("%d requests, plan %q", n, dry.Plan())
		}
		if _, err := c.Contacts.Update(t.Context(), "2", person(t, "title=CIO")); err != nil {
			t.Fatal(err)
		}
		srv.AddContacts(growthgenius.Contact{ID: "3", Email: "eve@example.com"})
		o := bulk.ImportOptions{Plan: dry.Plan(), Concurrency: 1}
		expect(t, results(t, bulk.Import(t.Context(), c, rows, o)),
			`2 updated 1 title: "CTO" → "CEO"`, "3 skipped 2", "4 created 1102755", "5 skipped 3", "6 duplicate of 5", "7 created 1102756")
		o.Plan = "0123456789abcdef"
		for _, err := range bulk.Import(t.Context(), c, rows, o).Results() {
			if !errors.Is(err, growthgenius.ErrInvalidInput) || !strings.Contains(err.Error(), "no dry run") {
				t.Errorf("a plan that there is not: %v", err)
			}
		}
	})
}

// TestImportFailures: what is wrong with a row, and what ends an import. Each row has a
// result, also those that were not reached.
func TestImportFailures(t *testing.T) {
	t.Parallel()
	rows := func(n int) iter.Seq2[bulk.Row, error] {
		return func(yield func(bulk.Row, error) bool) {
			for i := range n {
				if !yield(bulk.Row{Line: i + 2, Input: growthgenius.ContactInput{FullName: growthgenius.Set(fmt.Sprint(i))}}, nil) {
					return
				}
			}
		}
	}
	post := func(status int, times int) growthgeniustest.Fault {
		return growthgeniustest.Fault{Method: http.MethodPost, Status: status, Times: times, Body: `{"errors":{"title":["is too long"]}}`}
	}
	for _, tt := range []struct {
		name   string
		fault  growthgeniustest.Fault
		counts map[bulk.Outcome]int
		end    string // "" for none
		more   []growthgeniustest.Fault
	}{
		{"rejected", post(422, 3), map[bulk.Outcome]int{bulk.Rejected: 3, bulk.Created: 197}, "", nil},
		{"the key is refused", post(401, 0), map[bulk.Outcome]int{bulk.Pending: 200}, "401", nil},
		{"the user is refused", post(403, 0), map[bulk.Outcome]int{bulk.Failed: 50, bulk.Pending: 150}, "403", nil},
		{"some are refused to the user", post(403, 49), map[bulk.Outcome]int{bulk.Failed: 98, bulk.Created: 102}, "", []growthgeniustest.Fault{
			{Method: http.MethodPost, Skip: 1, Status: 403, Times: 49},
		}},
		{"the server is down", growthgeniustest.Fault{Method: http.MethodPost, Effect: growthgeniustest.Refuse}, map[bulk.Outcome]int{bulk.Failed: 50, bulk.Pending: 150}, "50 rows have failed one after the other", nil},
	} {
		testkit.Bubble(t, func(t *testing.T, srv *testkit.Server) {
			srv.Inject(append([]growthgeniustest.Fault{tt.fault}, tt.more...)...)
			c := srv.NewClient(growthgenius.WithLedger(ledger.NewMemory()))
			counts, end := map[bulk.Outcome]int{}, ""
			for r, err := range bulk.Import(t.Context(), c, rows(200), bulk.ImportOptions{Concurrency: 1}).Results() {
				if err != nil {
					end = err.Error()
					continue
				}
				counts[r.Outcome]++
				if (r.Err == nil) != (r.Outcome == bulk.Created) {
					t.Errorf("%s: %v has the error %v", tt.name, r, r.Err)
				}
			}
			if !maps.Equal(counts, tt.counts) || !strings.Contains(end, tt.end) || (end == "") != (tt.end == "") {
				t.Errorf("%s: %v, and then %q", tt.name, counts, end)
			}
		})
	}
}

// TestImportEnds: when the context ends, or the loop over the results, nothing more is sent,
// and another run goes on.
func TestImportEnds(t *testing.T) {
	t.Parallel()
	for _, leave := range []bool{true, false} {
		testkit.Bubble(t, func(t *testing.T, srv *testkit.Server) {
			srv.Inject(growthgeniustest.Fault{Method: http.MethodPost, Delay: time.Second})
			l := ledger.NewMemory()
			c := srv.NewClient(growthgenius.WithLedger(l))
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			counts, last := map[bulk.Outcome]int{}, error(nil)
			for r, err := range bulk.Import(ctx, c, sampleRows(100), bulk.ImportOptions{Concurrency: 4}).Results() {
				if last = err; err != nil {
					continue
				}
				counts[r.Outcome]++
				if counts[bulk.Created] == 6 {
					if leave {
						break
					}
					cancel()
				}
			}
			sent := len(srv.Requests())
			if sum := counts[bulk.Created] + counts[bulk.Unknown] + counts[bulk.Pending]; leave != (last == nil) || sent > 20 || !leave && (sum != 100 || !errors.Is(last, context.Canceled)) {
				t.Errorf("%d requests, %v, and then %v", sent, counts, last)
			}
			srv.ClearFaults()
			again := map[string]int{}
			for _, r := range results(t, bulk.Import(t.Context(), c, sampleRows(100), bulk.ImportOptions{})) {
				again[strings.Fields(r)[1]]++
			}
			if again["created"] != 100 || len(srv.Ledger()) != 100 {
				t.Errorf("then %v, and %d creates", again, len(srv.Ledger()))
			}
		})
	}
}

// TestImportIsFresh: a contact that another program has created while the import runs is updated,
// and none is created beside it. The changes are read once in a while, and lists show them late.
// What the import has created itself is not taken for the contact of another row.
func TestImportIsFresh(t *testing.T) {
	t.Parallel()
	rewrite := growthgeniustest.WithRewriting(func(_, text string) string { return strings.Replace(text, "+crm", "", 1) })
	testkit.Bubble(t, func(t *testing.T, srv *testkit.Server) {
		srv.Inject(growthgeniustest.Fault{Method: http.MethodPost, Delay: time.Second})
		c := srv.NewClient(growthgenius.WithLedger(ledger.NewMemory()))
		const all = 1400
		rows := []growthgenius.ContactInput{person(t, "email=ada+crm@example.com")}
		for row := range sampleRows(all - 2) {
			rows = append(rows, row.Input)
		}
		rows = append(rows, person(t, "email=theirs@example.com", "title=CTO"), person(t, "email=ada@example.com"))
		var theirs []growthgenius.Contact
		var last []string
		n := 0
		for r, err := range bulk.Import(t.Context(), c, rowsOf(rows...), bulk.ImportOptions{Concurrency: 10}).Results() {
			if err != nil {
				t.Fatal(err)
			}
			n++
			if n == 100 {
				theirs = srv.AddContacts(growthgenius.Contact{Email: "Theirs@example.com"})
			}
			if n >= all {
				last = append(last, short(r))
			}
		}
		expect(t, []string{strings.Join(strings.Fields(last[0])[:3], " "), strings.Join(strings.Fields(last[1])[:2], " ")},
			fmt.Sprint(all+1, " updated ", theirs[0].ID), fmt.Sprint(all+2, " created"))
		if reads := testkit.Count(srv.Server, http.MethodGet, "/contacts"); n != all+1 || reads < 3 || reads > 10 {
			t.Errorf("%d rows, %d reads", n, reads)
		}
	}, growthgeniustest.WithListLag(time.Minute), rewrite)
}

// TestImportNear: a contact that has the address of a row is not near that of another row.
func TestImportNear(t *testing.T) {
	t.Parallel()
	testkit.Bubble(t, func(t *testing.T, srv *testkit.Server) {
		stored := srv.AddContacts(growthgenius.Contact{Email: "eve@example.com"})
		c := srv.NewClient(growthgenius.WithLedger(ledger.NewMemory()))
		expect(t, results(t, bulk.Import(t.Context(), c, rowsOf(person(t, "email=eve+news@example.com"), person(t, "email=eve@example.com")), bulk.ImportOptions{})),
			"2 created 1102756", fmt.Sprint("3 unchanged ", stored[0].ID))
	})
}

// TestImportUnknown: a create whose outcome is not known is asked for again before its result
// is there, and in the next run.
func TestImportUnknown(t *testing.T) {
	t.Parallel()
	testkit.Bubble(t, func(t *testing.T, srv *testkit.Server) {
		c := srv.NewClient(growthgenius.WithLedger(ledger.NewMemory()))
		rows := rowsOf(person(t, "email=ada@example.com", "title=CTO"), person(t, "email=bob@example.com"), person(t, "email=ada@example.com", "title=CEO"))
		o := bulk.ImportOptions{Repeats: bulk.ApplyRepeats, Concurrency: 1}
		lost := growthgeniustest.Fault{Method: http.MethodPost, Commit: true, Effect: growthgeniustest.Reset, Times: 1}
		list := growthgeniustest.Fault{Method: http.MethodGet, Status: 503, Skip: 1} // after the list of all contacts
		srv.Inject(lost, list)
		run := bulk.Import(t.Context(), c, rows, o)
		var tokens int
		var got []string
		for r, err := range run.Results() {
			if err != nil {
				t.Fatal(err)
			}
			if r.Token != nil && errors.Is(r.Err, growthgenius.ErrOutcomeUnknown) {
				tokens++
			}
			got = append(got, strings.Join(strings.Fields(short(r))[:2], " "))
		}
		expect(t, got, "2 unknown", "3 created", "4 failed")
		if tokens != 1 {
			t.Errorf("%d tokens", tokens)
		}
		srv.ClearFaults()
		srv.Inject(lost)
		expect(t, results(t, bulk.Import(t.Context(), c, rows, o)), "2 created 1102755", "3 created 1102756", `4 updated 1102755 title: "CTO" → "CEO"`)
	})
}

// TestImportOptions: what cannot work is refused before anything is sent.
func TestImportOptions(t *testing.T) {
	t.Parallel()
	testkit.Bubble(t, func(t *testing.T, srv *testkit.Server) {
		c := srv.NewClient(growthgenius.WithLedger(ledger.NewMemory()))
		for want, run := range map[string]*bulk.Run{
			"needs a ledger":         bulk.Import(t.Context(), srv.NewClient(), rowsOf(), bulk.ImportOptions{}),
			"no mode 3":              bulk.Import(t.Context(), c, rowsOf(), bulk.ImportOptions{Mode: 3}),
			"no policy -1":           bulk.Import(t.Context(), c, rowsOf(), bulk.ImportOptions{Repeats: -1}),
			"concurrency":            bulk.Import(t.Context(), c, rowsOf(), bulk.ImportOptions{Concurrency: -1}),
			"MaxRows must":           bulk.Import(t.Context(), c, rowsOf(), bulk.ImportOptions{MaxRows: -1}),
			"more than 2 rows":       bulk.Import(t.Context(), c, sampleRows(3), bulk.ImportOptions{MaxRows: 2}),
			"Plan is for the import": bulk.Import(t.Context(), c, rowsOf(), bulk.ImportOptions{Plan: "x", DryRun: true}),
		} {
			for r, err := range run.Results() {
				if r != nil || !errors.Is(err, growthgenius.ErrInvalidInput) || !strings.Contains(err.Error(), want) {
					t.Errorf("%v does not say %q", err, want)
				}
			}
			for _, err := range run.Results() {
				if err == nil {
					t.Error("the results can be ranged over twice")
				}
			}
		}
		if n := len(srv.Requests()); n != 0 {
			t.Errorf("%d requests", n)
		}
	})
}

// TestImportReadsInParts: a list that breaks off, or that was cut short, is read in parts, so
// that no contact is missed and created again.
func TestImportReadsInParts(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		fault growthgeniustest.Fault
		opts  []growthgeniustest.ServerOption
	}{
		"it breaks off": {growthgeniustest.Fault{Method: http.MethodGet, Effect: growthgeniustest.Truncate, Times: 1}, nil},
		"it was cut":    {growthgeniustest.Fault{Skip: 1 << 30}, []growthgeniustest.ServerOption{growthgeniustest.WithListCap(100)}},
	} {
		testkit.Bubble(t, func(t *testing.T, srv *testkit.Server) {
			srv.Inject(tt.fault)
			var theirs []growthgenius.Contact
			for i := range 150 {
				at := time.Now().Add(-time.Duration(i) * time.Hour)
				theirs = append(theirs, growthgenius.Contact{Email: fmt.Sprintf("person%d@example.com", i), CreatedAt: at, UpdatedAt: at})
			}
			srv.AddContacts(theirs...)
			c := srv.NewClient(growthgenius.WithLedger(ledger.NewMemory()))
			for r, err := range bulk.Import(t.Context(), c, rowsOf(person(t, "email=person2@example.com"), person(t, "email=person148@example.com")), bulk.ImportOptions{}).Results() {
				if err != nil || r.Outcome != bulk.Unchanged {
					t.Errorf("%s: %v, %v", name, r, err)
				}
			}
		}, tt.opts...)
	}
}

// TestImportOfADeletedContact: a contact that was deleted while the import ran is created by the
// next run.
func TestImportOfADeletedContact(t *testing.T) {
	t.Parallel()
	testkit.Bubble(t, func(t *testing.T, srv *testkit.Server) {
		stored := srv.AddContacts(growthgenius.Contact{Email: "ada@example.com"})
		c := srv.NewClient(growthgenius.WithLedger(ledger.NewMemory()))
		slow := growthgeniustest.Fault{Method: http.MethodPatch, Delay: time.Second, Status: 503, Times: 1}
		srv.Inject(slow)
		go func() {
			time.Sleep(time.Second / 2)
			if err := c.Contacts.Delete(t.Context(), stored[0].ID); err != nil {
				t.Error(err)
			}
		}()
		rows := rowsOf(person(t, "email=ada@example.com", "title=CEO"))
		for r, err := range bulk.Import(t.Context(), c, rows, bulk.ImportOptions{}).Results() {
			if err != nil || r.Outcome != bulk.Failed || !strings.Contains(r.Err.Error(), "run it again to create it") {
				t.Errorf("%v, %v", r, err)
			}
		}
		expect(t, results(t, bulk.Import(t.Context(), c, rows, bulk.ImportOptions{})), "2 created 1102756")
	})
}

// TestImportInterruptedUpdate: an update that may have been carried out when its run ended is
// still known in the next run, with what the contact had before.
func TestImportInterruptedUpdate(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		commit bool
		change []string // what another program changes between the runs
		want   string
		sent   int // updates of the second run
	}{
		{"carried out", true, nil, `2 updated 1102755 city: "Rome" → "Oslo" title: "CTO" → "CEO"`, 0},
		{"not carried out", false, nil, `2 updated 1102755 city: "Rome" → "Oslo" title: "CTO" → "CEO"`, 1},
		{"changed since", true, []string{"title=CFO"}, `2 updated 1102755 title: "CFO" → "CEO"`, 1},
	} {
		testkit.Bubble(t, func(t *testing.T, srv *testkit.Server) {
			srv.AddContacts(growthgenius.Contact{Email: "ada@example.com", Title: "CTO", City: "Rome"})
			l := ledger.NewMemory()
			c := srv.NewClient(growthgenius.WithLedger(l))
			rows := rowsOf(person(t, "email=ada@example.com", "title=CEO", "city=Oslo"))
			srv.Inject(growthgeniustest.Fault{Method: http.MethodPatch, Commit: tt.commit, Effect: growthgeniustest.Hang})
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			for r, err := range bulk.Import(ctx, c, rows, bulk.ImportOptions{}).Results() {
				if err == nil && r.Outcome != bulk.Pending {
					t.Errorf("%s: at first %v", tt.name, r)
				}
			}
			srv.ClearFaults()
			if tt.change != nil {
				if _, err := c.Contacts.Update(t.Context(), "1102755", person(t, tt.change...)); err != nil {
					t.Fatal(err)
				}
			}
			before := testkit.Count(srv.Server, http.MethodPatch, "/contacts/{id}")
			expect(t, results(t, bulk.Import(t.Context(), c, rows, bulk.ImportOptions{})), tt.want)
			if n := testkit.Count(srv.Server, http.MethodPatch, "/contacts/{id}") - before; n != tt.sent {
				t.Errorf("%s: %d updates", tt.name, n)
			}
			// A third run knows it, with all that was changed by the import.
			all := `2 updated 1102755 city: "Rome" → "Oslo" title: "CTO" → "CEO"`
			if tt.change != nil {
				all = strings.Replace(all, "CTO", "CFO", 1)
			}
			expect(t, results(t, bulk.Import(t.Context(), c, rows, bulk.ImportOptions{})), all)
		})
	}
}

// TestImportOpenCreate: a create that may have been carried out when its run ended is resolved
// first. If it was not, a contact that has the address by now is updated.
func TestImportOpenCreate(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name           string
		commit, theirs bool
		want           string
		creates        int
	}{
		{"carried out", true, false, "2 created 1102755", 1},
		{"not carried out", false, false, "2 created 1102755", 1},
		{"not carried out, and another program has created it", false, true, `2 updated 1102755 title: "CEO"`, 0},
	} {
		testkit.Bubble(t, func(t *testing.T, srv *testkit.Server) {
			c := srv.NewClient(growthgenius.WithLedger(ledger.NewMemory()))
			rows := rowsOf(person(t, "email=ada@example.com", "title=CEO"))
			srv.Inject(growthgeniustest.Fault{Method: http.MethodPost, Commit: tt.commit, Effect: growthgeniustest.Hang})
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			for r, err := range bulk.Import(ctx, c, rows, bulk.ImportOptions{}).Results() {
				if err == nil && (r.Outcome != bulk.Unknown || r.Token == nil) {
					t.Errorf("%s: at first %v", tt.name, r)
				}
			}
			srv.ClearFaults()
			time.Sleep(10 * time.Minute)
			if tt.theirs {
				srv.AddContacts(growthgenius.Contact{Email: "ada@example.com"})
			}
			for range 2 {
				expect(t, results(t, bulk.Import(t.Context(), srv.NewClient(growthgenius.WithLedger(c.Ledger())), rows, bulk.ImportOptions{})), tt.want)
			}
			if n := len(srv.Ledger()); n != tt.creates {
				t.Errorf("%s: %d creates", tt.name, n)
			}
		})
	}
}

// TestImportOwnContacts: what an import has created does not match other rows, whatever the API
// has made of its address, and also in the next run.
func TestImportOwnContacts(t *testing.T) {
	t.Parallel()
	testkit.Bubble(t, func(t *testing.T, srv *testkit.Server) {
		c := srv.NewClient(growthgenius.WithLedger(ledger.NewMemory()))
		tagged, plain := person(t, "email=ada+crm@example.com", "first_name=Ada"), person(t, "email=ada@example.com", "title=CEO")
		o := bulk.ImportOptions{AllowChanges: true}
		expect(t, results(t, bulk.Import(t.Context(), c, rowsOf(tagged), o)), "2 created 1102755")
		if stored := srv.Contacts()[0]; stored.Email != "ada@example.com" {
			t.Fatalf("the server stores %s", stored.Email)
		}
		expect(t, results(t, bulk.Import(t.Context(), c, rowsOf(tagged, plain), o)), "2 created 1102755", "3 created 1102756")
	}, growthgeniustest.WithRewriting(func(field, text string) string { return strings.Replace(text, "+crm", "", 1) }))
}

// TestImportPlanOfOtherRows: a row that the dry run did not have is left alone. One that repeats
// an address goes by the first row of it.
func TestImportPlanOfOtherRows(t *testing.T) {
	t.Parallel()
	testkit.Bubble(t, func(t *testing.T, srv *testkit.Server) {
		c := srv.NewClient(growthgenius.WithLedger(ledger.NewMemory()))
		first, second, more := person(t, "email=ada@example.com", "title=CTO"), person(t, "email=ada@example.com", "title=CEO"), person(t, "first_name=More")
		dry := bulk.Import(t.Context(), c, rowsOf(first, second), bulk.ImportOptions{Repeats: bulk.ApplyRepeats, DryRun: true})
		expect(t, results(t, dry), "2 created", `3 updated title: "CTO" → "CEO"`)
		o := bulk.ImportOptions{Repeats: bulk.ApplyRepeats, Plan: dry.Plan()}
		stored := srv.AddContacts(growthgenius.Contact{Email: "ada@example.com"})
		expect(t, results(t, bulk.Import(t.Context(), c, rowsOf(first, second, more), o)), "2 skipped 1102755", "3 skipped 1102755", "4 skipped")
		if err := c.Contacts.Delete(t.Context(), stored[0].ID); err != nil {
			t.Fatal(err)
		}
		expect(t, results(t, bulk.Import(t.Context(), c, rowsOf(first, second, more), o)),
			"2 created 1102756", `3 updated 1102756 title: "CTO" → "CEO"`, "4 skipped")
	})
}

// TestImportAsksAgain: an unknown outcome is asked for twice before it is the result of its row,
// while the rows after it go on.
func TestImportAsksAgain(t *testing.T) {
	t.Parallel()
	for failing, want := range map[time.Duration]string{8 * time.Second: "created", 15 * time.Second: "created", time.Minute: "unknown"} {
		testkit.Bubble(t, func(t *testing.T, srv *testkit.Server) {
			c := srv.NewClient(growthgenius.WithLedger(ledger.NewMemory()))
			srv.Inject(
				growthgeniustest.Fault{Method: http.MethodPost, Commit: true, Effect: growthgeniustest.Reset, Times: 1},
				growthgeniustest.Fault{Method: http.MethodGet, Status: 503, Skip: 1},
			)
			time.AfterFunc(failing, srv.ClearFaults)
			run := bulk.Import(t.Context(), c, rowsOf(person(t, "email=ada@example.com"), person(t, "email=bob@example.com")), bulk.ImportOptions{Concurrency: 1})
			time.AfterFunc(7*time.Second, func() {
				if p := run.Progress(); p.Done != 1 || !strings.HasPrefix(p.Waiting, "finding out") {
					t.Errorf("%v: while it asks: %s", failing, p)
				}
			})
			got := results(t, run)
			if outcome := strings.Fields(got[0])[1]; outcome != want || strings.Fields(got[1])[1] != "created" {
				t.Errorf("%v: %s", failing, got)
			}
		})
	}
}

// TestImportProgress: an import says at any time how far it has come, how long the rest takes,
// and what it waits for.
func TestImportProgress(t *testing.T) {
	t.Parallel()
	testkit.Bubble(t, func(t *testing.T, srv *testkit.Server) {
		var there []growthgenius.Contact
		for i := range 300 { // their rows need no request
			there = append(there, growthgenius.Contact{Email: fmt.Sprintf("person%d@example.com", i), FullName: fmt.Sprint("Person ", i), Title: "CTO"})
		}
		srv.AddContacts(there...)
		srv.Inject(
			growthgeniustest.Fault{Method: http.MethodGet, Delay: 20 * time.Second, Times: 1},
			growthgeniustest.Fault{Method: http.MethodPost, Delay: 200 * time.Millisecond},
		)
		c := srv.NewClient(growthgenius.WithLedger(ledger.NewMemory()))
		var run *bulk.Run
		rows := func(yield func(bulk.Row, error) bool) {
			n := 0
			for row, err := range sampleRows(1000) {
				if p := run.Progress(); p.Waiting != "reading the rows" || p.Total != n || p.Final {
					t.Errorf("at row %d: %s", n, p)
				}
				n++
				if !yield(row, err) {
					return
				}
			}
		}
		run = bulk.Import(t.Context(), c, rows, bulk.ImportOptions{Concurrency: 2})
		time.AfterFunc(10*time.Second, func() {
			if p := run.Progress(); p.Waiting != "reading the contacts" || p.Total != 1000 || !p.Final || p.Done != 0 {
				t.Errorf("while the list is on its way: %s", p)
			}
		})
		var left time.Duration
		var at, end time.Time
		for range run.Results() {
			p := run.Progress()
			sum := 0
			for _, n := range p.Counts {
				sum += n
			}
			if sum != p.Done || p.Done > p.Total {
				t.Errorf("the counts do not add up: %s", p)
			}
			if p.Done >= 370 && at.IsZero() {
				left, at = p.Left, time.Now()
			}
			end = time.Now()
		}
		if truth := end.Sub(at); (left - truth).Abs() > truth*15/100 {
			t.Errorf("after a tenth %v are left, and it took %v", left, truth)
		}
		if p := run.Progress(); p.Done != 1000 || p.Counts[bulk.Created] != 706 || p.Counts[bulk.Unchanged] != 294 || p.Waiting != "" || p.Left != 0 {
			t.Errorf("in the end: %s", p)
		}
	})
}

// TestImportUnchanged: rows that have changed nothing are not applied by a later run either, when
// their contacts were changed since. That costs few writes to the ledger.
func TestImportUnchanged(t *testing.T) {
	t.Parallel()
	testkit.Bubble(t, func(t *testing.T, srv *testkit.Server) {
		const rows = 1100
		for i := range rows {
			if i%100 >= 2 {
				srv.AddContacts(growthgenius.Contact{Email: fmt.Sprintf("person%d@example.com", i), FullName: fmt.Sprint("Person ", i), Title: "CTO"})
			}
		}
		l := &countedLedger{Ledger: ledger.NewMemory()}
		c := srv.NewClient(growthgenius.WithLedger(l))
		counts := func() map[string]int {
			counts := map[string]int{}
			for _, r := range results(t, bulk.Import(t.Context(), c, sampleRows(rows), bulk.ImportOptions{})) {
				counts[strings.Fields(r)[1]]++
			}
			return counts
		}
		want := map[string]int{"created": 22, "unchanged": 1078}
		if got := counts(); !maps.Equal(got, want) {
			t.Errorf("%v", got)
		}
		if n := l.acquired.Load(); n > 30 { // 22 creates, the input, 2 chunks
			t.Errorf("the ledger was asked for %d keys", n)
		}
		changed, err := c.Contacts.Update(t.Context(), srv.Contacts()[77].ID, person(t, "title=mine"))
		if err != nil {
			t.Fatal(err)
		}
		if got := counts(); !maps.Equal(got, want) {
			t.Errorf("then %v", got)
		}
		if now, err := c.Contacts.Get(t.Context(), changed.ID); err != nil || now.Title != "mine" {
			t.Errorf("the contact has the title %q, %v", now.Title, err)
		}
	})
}

// countedLedger counts the keys that are asked for.
type countedLedger struct {
	growthgenius.Ledger
	acquired atomic.Int64
}

func (l *countedLedger) Acquire(ctx context.Context, key string) (growthgenius.Lease, error) {
	l.acquired.Add(1)
	return l.Ledger.Acquire(ctx, key)
}

// TestImportWithASlowLedger: rows that wait for the ledger keep no other row's request waiting,
// and no more requests are under way than allowed.
func TestImportWithASlowLedger(t *testing.T) {
	t.Parallel()
	const (
		rows    = 200
		allowed = 4
		latency = 20 * time.Millisecond
	)
	testkit.Bubble(t, func(t *testing.T, srv *testkit.Server) {
		var inputs []growthgenius.ContactInput
		for i := range rows {
			email := fmt.Sprintf("person%d@example.com", i)
			inputs = append(inputs, person(t, "email="+email, "title=CEO"))
			if i%4 == 0 {
				srv.AddContacts(growthgenius.Contact{Email: email, Title: "CTO"})
			}
		}
		srv.Inject(growthgeniustest.Fault{Delay: latency - 2*testkit.Latency})
		w := &watched{next: srv}
		c := srv.NewClient(growthgenius.WithLedger(slowLedger{ledger.NewMemory()}), growthgenius.WithHTTPClient(&http.Client{Transport: w}))
		for result := range bulk.Import(t.Context(), c, rowsOf(inputs...), bulk.ImportOptions{Concurrency: allowed}).Results() {
			if result.Outcome != bulk.Created && result.Outcome != bulk.Updated {
				t.Errorf("got %v", result)
			}
		}
		took := w.last.Sub(w.first)
		if share := float64(rows*latency) / float64(took*allowed); share < 0.95 || w.most != allowed {
			t.Errorf("%.1f%% of the places for requests had one under way, at most %d of %d", 100*share, w.most, allowed)
		}
	})
}

// slowLedger takes half as long as a request to store an entry.
type slowLedger struct{ growthgenius.Ledger }

func (l slowLedger) Acquire(ctx context.Context, key string) (growthgenius.Lease, error) {
	lease, err := l.Ledger.Acquire(ctx, key)
	return slowLease{lease}, err
}

type slowLease struct{ growthgenius.Lease }

func (l slowLease) Record(ctx context.Context, e growthgenius.Entry) error {
	time.Sleep(10 * time.Millisecond)
	return l.Lease.Record(ctx, e)
}

// watched is a transport that knows how many requests that write are under way.
type watched struct {
	next http.RoundTripper

	mu          sync.Mutex
	now, most   int
	first, last time.Time
}

func (w *watched) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Method == http.MethodGet {
		return w.next.RoundTrip(r)
	}
	w.mu.Lock()
	if w.first.IsZero() {
		w.first = time.Now()
	}
	w.now++
	w.most = max(w.most, w.now)
	w.mu.Unlock()
	res, err := w.next.RoundTrip(r)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now--
	w.last = time.Now()
	return res, err
}

// TestImportEndsWhileRowsWait: if an import ends while rows wait to send their requests, nothing
// is sent for these, and the ledger does not say that something was.
func TestImportEndsWhileRowsWait(t *testing.T) {
	t.Parallel()
	testkit.Bubble(t, func(t *testing.T, srv *testkit.Server) {
		var inputs []growthgenius.ContactInput
		for i := range 4 {
			email := fmt.Sprintf("person%d@example.com", i)
			inputs = append(inputs, person(t, "email="+email, "title=CEO"), person(t, fmt.Sprintf("email=new%d@example.com", i)))
			srv.AddContacts(growthgenius.Contact{Email: email, Title: "CTO"})
		}
		srv.Inject(growthgeniustest.Fault{Method: "PATCH", Delay: time.Hour}, growthgeniustest.Fault{Method: "POST", Delay: time.Hour})
		l := &openKeys{Ledger: ledger.NewMemory(), open: map[string]bool{}}
		c := srv.NewClient(growthgenius.WithLedger(l), growthgenius.WithAttemptTimeout(2*time.Hour))
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		outcomes := map[bulk.Outcome]int{}
		for result := range bulk.Import(ctx, c, rowsOf(inputs...), bulk.ImportOptions{Concurrency: 2}).Results() {
			if result != nil {
				outcomes[result.Outcome]++
			}
		}
		creates := testkit.Count(srv.Server, "POST", "/contacts")
		if sent := testkit.Count(srv.Server, "PATCH", "/contacts/{id}") + creates; sent != 2 || len(l.open) != 2 {
			t.Errorf("%d requests were sent, and the ledger has %d rows begun; want 2", sent, len(l.open))
		}
		// Which two rows are sent is open. Only a create is of unknown outcome.
		if outcomes[bulk.Unknown] != creates || outcomes[bulk.Pending] != len(inputs)-creates || len(outcomes) > 2 {
			t.Errorf("got %v for %d creates of %d rows", outcomes, creates, len(inputs))
		}
	})
}

// openKeys knows the rows whose last entry does not have the outcome.
type openKeys struct {
	growthgenius.Ledger

	mu   sync.Mutex
	open map[string]bool
}

func (l *openKeys) Acquire(ctx context.Context, key string) (growthgenius.Lease, error) {
	lease, err := l.Ledger.Acquire(ctx, key)
	return openLease{lease, l, key}, err
}

type openLease struct {
	growthgenius.Lease
	of  *openKeys
	key string
}

func (l openLease) Record(ctx context.Context, e growthgenius.Entry) error {
	l.of.mu.Lock()
	defer l.of.mu.Unlock()
	delete(l.of.open, l.key)
	if e.Token != nil || strings.Contains(string(e.Note), "updating") {
		l.of.open[l.key] = true
	}
	return l.Lease.Record(ctx, e)
}
