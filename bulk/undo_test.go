package bulk_test

import (
	"context"
	"flag"
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/growthgenius/growthgenius-go"
	"github.com/growthgenius/growthgenius-go/bulk"
	"github.com/growthgenius/growthgenius-go/growthgeniustest"
	"github.com/growthgenius/growthgenius-go/internal/testkit"
	"github.com/growthgenius/growthgenius-go/ledger"
)

// snapshot returns all contacts but for the times at which they were updated.
func snapshot(t testing.TB, srv *testkit.Server) []string {
	t.Helper()
	var all []string
	for _, c := range srv.Contacts() {
		c.UpdatedAt = time.Time{}
		all = append(all, testkit.JSON(t, c))
	}
	slices.Sort(all)
	return all
}

// undone returns the results of an undo in short, with what is put back and what is kept.
func undone(t testing.TB, run *bulk.Run) []string {
	t.Helper()
	var all []string
	for r, err := range run.Results() {
		if err != nil {
			t.Fatal(err)
		}
		text := fmt.Sprint(r.Line, " ", r.Outcome)
		for _, c := range r.Changes {
			text += fmt.Sprint(" ", c)
		}
		for _, c := range r.Kept {
			text += fmt.Sprint(" but ", c)
		}
		all = append(all, text)
	}
	return all
}

// TestUndo: an undo deletes what an import has created, and puts back what it has changed. It
// tells that before, and the same import can be run again after it.
func TestUndo(t *testing.T) {
	t.Parallel()
	testkit.Bubble(t, func(t *testing.T, srv *testkit.Server) {
		eve := srv.AddContacts(
			growthgenius.Contact{Email: "ada@example.com", FirstName: "Ada", Title: "CTO"},
			growthgenius.Contact{Email: "bob@example.com", FirstName: "Bob", City: "Paris"},
			growthgenius.Contact{Email: "eve@example.com", FirstName: "Eve"},
		)[2].ID
		rows := rowsOf(
			person(t, "email=ada@example.com", "title=ceo", "city=London"), // 2
			person(t, "email=bob@example.com", "city=null"),
			person(t, "email=new@example.com", "first_name=New", "title=CTO"),
			person(t, "email=eve@example.com", "first_name=Eve"),
			person(t, "email=ada@example.com", "title=CEO"), // 6
			person(t, "email=new@example.com", "title=CFO"),
			person(t, "first_name=Twin"),
			person(t, "first_name=Twin"),
			person(t, "email=n/a"), // 10
			person(t, "email=ada@example.com", "title=CTO"),
			person(t, "email=bob@example.com", "title=A"),
			person(t, "email=bob@example.com", "title=B"),
			person(t, "email=bob@example.com", "title=A"), // 14
		)
		c := srv.NewClient(growthgenius.WithLedger(ledger.NewMemory()))
		o := bulk.ImportOptions{Name: "people", Repeats: bulk.ApplyRepeats, Concurrency: 3}
		before := snapshot(t, srv)
		expect(t, undone(t, bulk.Undo(t.Context(), c, rows, bulk.UndoOptions{Name: "people"}))[:2], "2 unchanged", "3 unchanged")
		first := results(t, bulk.Import(t.Context(), c, rows, o))
		after := snapshot(t, srv)
		want := []string{
			`2 restored city: "London" → null title: "ceo" → "CTO"`,
			`3 restored city: "Paris"`,
			"4 deleted",
			"5 unchanged",
			`6 restored title: "CEO" → "ceo"`,
			`7 deleted title: "CFO" → "CTO"`,
			"8 deleted",
			"9 deleted",
			"10 rejected",
			`11 restored title: "CTO" → "CEO"`,
			`12 restored title: "A" → null`,
			`13 restored title: "B" → "A"`,
			`14 restored title: "A" → "B"`,
		}
		dry := bulk.Undo(t.Context(), c, rows, bulk.UndoOptions{Name: "people"})
		expect(t, undone(t, dry), want...)
		expect(t, snapshot(t, srv), after...)
		if p := dry.Progress(); p.Done != 13 || p.Counts[bulk.Deleted] != 4 {
			t.Errorf("the progress at the end is %s", p)
		}
		expect(t, undone(t, bulk.Undo(t.Context(), c, rows, bulk.UndoOptions{Name: "people", Apply: true})), want...)
		expect(t, snapshot(t, srv), before...)
		expect(t, undone(t, bulk.Undo(t.Context(), c, rows, bulk.UndoOptions{Name: "people", Apply: true}))[:3], "2 unchanged", "3 unchanged", "4 unchanged")
		if _, err := c.Contacts.Update(t.Context(), eve, person(t, "first_name=Eva")); err != nil {
			t.Fatal(err)
		}
		again := results(t, bulk.Import(t.Context(), c, rows, o))
		if len(again) != len(first) || again[0] != first[0] || !strings.HasPrefix(again[3], "5 updated") || !strings.HasPrefix(again[6], "8 created") {
			t.Errorf("run again after the undo, the import says\n%q, and before it said\n%q", again, first)
		}
	})
}

// TestUndoKeeps: what was changed since an import is left as it is, and reported.
func TestUndoKeeps(t *testing.T) {
	t.Parallel()
	testkit.Bubble(t, func(t *testing.T, srv *testkit.Server) {
		stored := srv.AddContacts(
			growthgenius.Contact{Email: "ada@example.com", Title: "CTO", City: "Paris"},
			growthgenius.Contact{Email: "bob@example.com", Title: "CTO"},
			growthgenius.Contact{Email: "eve@example.com", Title: "CTO"},
		)
		rows := rowsOf(
			person(t, "email=ada@example.com", "title=CEO", "city=London"), // 2
			person(t, "email=bob@example.com", "title=CEO"),
			person(t, "email=eve@example.com", "title=CEO"),
			person(t, "email=one@example.com", "title=CEO"),
			person(t, "email=two@example.com", "title=CEO"), // 6
			person(t, "email=two@example.com", "title=CFO"),
			person(t, "email=three@example.com", "title=CEO"),
		)
		c := srv.NewClient(growthgenius.WithLedger(ledger.NewMemory()))
		o := bulk.ImportOptions{Repeats: bulk.ApplyRepeats}
		ids := map[int]growthgenius.ID{}
		for r, err := range bulk.Import(t.Context(), c, rows, o).Results() {
			if err != nil {
				t.Fatal(err)
			}
			ids[r.Line] = r.ID
		}
		change := func(id growthgenius.ID, fields ...string) {
			if _, err := c.Contacts.Update(t.Context(), id, person(t, fields...)); err != nil {
				t.Fatal(err)
			}
		}
		change(stored[0].ID, "title=CFO")
		change(stored[1].ID, "title=CTO") // as it was
		change(ids[5], "title=CFO")
		change(ids[7], "city=Rome")
		for _, id := range []growthgenius.ID{stored[2].ID, ids[8]} {
			if err := c.Contacts.Delete(t.Context(), id); err != nil {
				t.Fatal(err)
			}
		}
		want := []string{
			`2 kept city: "London" → "Paris" but title: "CEO" → "CFO"`,
			"3 restored",
			"4 kept",
			`5 kept but title: "CEO" → "CFO"`,
			"6 kept",
			"7 kept",
			"8 deleted",
		}
		expect(t, undone(t, bulk.Undo(t.Context(), c, rows, bulk.UndoOptions{})), want...)
		var texts []string
		for r, err := range bulk.Undo(t.Context(), c, rows, bulk.UndoOptions{Apply: true}).Results() {
			if err != nil {
				t.Fatal(err)
			}
			texts = append(texts, strings.Replace(r.String(), string(r.ID), "ID", 1))
		}
		expect(t, texts,
			"line 2: kept contact ID: title: some values were changed since the import",
			"line 3: restored contact ID",
			"line 4: kept contact ID: the contact was deleted since the import",
			"line 5: kept contact ID: title: the contact was changed since the import created it",
			"line 6: kept contact ID: the contact was changed since the import created it",
			"line 7: kept contact ID: the contact was changed since the import created it",
			"line 8: deleted contact ID",
		)
		ada, err := c.Contacts.Get(t.Context(), stored[0].ID)
		if err != nil || ada.Title != "CFO" || ada.City != "Paris" {
			t.Errorf("%+v, %v", ada, err)
		}
		expect(t, results(t, bulk.Import(t.Context(), c, rows, o))[3:6], // those that were kept are not created again
			"5 created "+string(ids[5]), "6 created "+string(ids[6]), `7 updated `+string(ids[7])+` title: "CEO" → "CFO"`)
	})
}

// TestUndoInterrupted: an undo that ends at any moment, with faults and a new process each time,
// has undone everything exactly in the end, also of an import that had been interrupted itself.
func TestUndoInterrupted(t *testing.T) {
	t.Parallel()
	const rows = 100
	testkit.Bubble(t, func(t *testing.T, srv *testkit.Server) {
		for i := range rows / 2 {
			srv.AddContacts(growthgenius.Contact{Email: fmt.Sprintf("person%d@example.com", i), FullName: "Old", Title: "CFO"})
		}
		before := snapshot(t, srv)
		path := filepath.Join(t.TempDir(), "ledger")
		// run runs one process, which ends after a number of requests.
		run := func(requests int, job func(ctx context.Context, c *growthgenius.Client) *bulk.Run) bool {
			l, err := ledger.OpenFile(path, ledger.FileOptions{})
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			var sent atomic.Int64
			transport := testkit.TransportFunc(func(r *http.Request) (*http.Response, error) {
				if n := sent.Add(1); n == int64(requests) {
					time.AfterFunc(testkit.Latency, cancel)
				}
				return srv.RoundTrip(r)
			})
			c := srv.NewClient(growthgenius.WithLedger(l), growthgenius.WithHTTPClient(&http.Client{Transport: transport}))
			complete := true
			for r, err := range job(ctx, c).Results() {
				complete = complete && err == nil && (r.Outcome == bulk.Created || r.Outcome == bulk.Updated ||
					r.Outcome == bulk.Unchanged || r.Outcome == bulk.Restored || r.Outcome == bulk.Deleted)
			}
			return complete
		}
		repeat := func(what string, job func(ctx context.Context, c *growthgenius.Client) *bulk.Run) (runs int) {
			srv.Inject(growthgeniustest.FaultMix(0.2, time.Second)...)
			defer srv.ClearFaults()
			for runs = 1; !run(40*runs, job); runs++ {
				if runs > 60 {
					t.Fatalf("the %s is not complete after %d runs", what, runs)
				}
			}
			return runs
		}
		imports := func(ctx context.Context, c *growthgenius.Client) *bulk.Run {
			return bulk.Import(ctx, c, sampleRows(rows), bulk.ImportOptions{})
		}
		undoes := func(ctx context.Context, c *growthgenius.Client) *bulk.Run {
			return bulk.Undo(ctx, c, sampleRows(rows), bulk.UndoOptions{Apply: true})
		}
		for range 3 {
			run(rows/3, imports) // it was interrupted, and some outcomes are not known
		}
		n := repeat("undo", undoes)
		expect(t, snapshot(t, srv), before...)
		m := repeat("import", imports)
		if created := len(srv.Contacts()) - len(before); created != 52 { // 50 with an address, and 2 twins
			t.Errorf("after the undo, the import has created %d contacts", created)
		}
		n += repeat("undo", undoes)
		expect(t, snapshot(t, srv), before...)
		t.Logf("%d runs of undos, %d of the import", n, m)
	})
}

var undoRows = flag.Int("undo.rows", 100, "how many rows TestUndoOfManyRows has")

// TestUndoOfManyRows: after an undo, which takes two requests a contact, all is as before the
// import.
func TestUndoOfManyRows(t *testing.T) {
	t.Parallel()
	rows := *undoRows
	testkit.Bubble(t, func(t *testing.T, srv *testkit.Server) {
		for i := range rows / 2 {
			srv.AddContacts(growthgenius.Contact{Email: fmt.Sprintf("person%d@example.com", i), FullName: "Old", Title: "CFO"})
		}
		before := snapshot(t, srv)
		c := srv.NewClient(growthgenius.WithLedger(ledger.NewMemory()))
		results(t, bulk.Import(t.Context(), c, sampleRows(rows), bulk.ImportOptions{}))
		sent := len(srv.Requests())
		results(t, bulk.Undo(t.Context(), c, sampleRows(rows), bulk.UndoOptions{Apply: true}))
		if sent = len(srv.Requests()) - sent; sent != 2*rows {
			t.Errorf("%d requests undo %d rows", sent, rows)
		}
		expect(t, snapshot(t, srv), before...)
	})
}

// TestUndoOfOpenCreates: if the import did not learn whether it had created a contact, the undo
// finds that out first.
func TestUndoOfOpenCreates(t *testing.T) {
	t.Parallel()
	testkit.Bubble(t, func(t *testing.T, srv *testkit.Server) {
		lost := growthgeniustest.Fault{Method: http.MethodPost, Effect: growthgeniustest.Reset, Commit: true, Times: 4}
		never := growthgeniustest.Fault{Method: http.MethodPost, Effect: growthgeniustest.Reset, Times: 1}
		blinding := growthgeniustest.Fault{Method: http.MethodGet, Skip: 1, Status: http.StatusInternalServerError} // after the list
		srv.Inject(lost, never, blinding)
		before := snapshot(t, srv)
		rows := rowsOf(
			person(t, "email=one@example.com", "title=CEO"), // 2
			person(t, "first_name=Twin"),
			person(t, "first_name=Twin"),
			person(t, "email=two@example.com", "title=CEO"),
			person(t, "email=three@example.com"), // 6
		)
		l := ledger.NewMemory()
		blind := srv.NewClient(growthgenius.WithLedger(l), growthgenius.WithRetry(growthgenius.RetryPolicy{MaxAttempts: 1}),
			growthgenius.WithReadBack(growthgenius.ReadBackPolicy{Disabled: true}))
		expect(t, results(t, bulk.Import(t.Context(), blind, rows, bulk.ImportOptions{Concurrency: 1})), "2 unknown", "3 unknown", "4 unknown", "5 unknown", "6 unknown")
		o := bulk.UndoOptions{Apply: true}
		expect(t, undone(t, bulk.Undo(t.Context(), blind, rows, o)), "2 unknown", "3 unknown", "4 unknown", "5 unknown", "6 unknown")
		srv.ClearFaults()
		time.Sleep(time.Minute)
		c := srv.NewClient(growthgenius.WithLedger(l))
		for _, contact := range srv.Contacts() {
			if contact.Email == "two@example.com" {
				if _, err := c.Contacts.Update(t.Context(), contact.ID, person(t, "city=Rome")); err != nil {
					t.Fatal(err)
				}
			}
		}
		want := []string{"2 deleted", "3 deleted", "4 deleted", "5 kept", "6 unchanged"}
		expect(t, undone(t, bulk.Undo(t.Context(), c, rows, bulk.UndoOptions{})), want...)
		expect(t, undone(t, bulk.Undo(t.Context(), c, rows, o)), want...)
		expect(t, undone(t, bulk.Undo(t.Context(), c, rows, o)), "2 unchanged", "3 unchanged", "4 unchanged", "5 kept", "6 unchanged")
		if n := len(srv.Contacts()) - len(before); n != 1 {
			t.Errorf("%d contacts are left", n)
		}
	})
}

// TestUndoRefused: rows whose contacts cannot be changed have failed, and the others are undone. A
// 404 that is not the API's own does not mean that a contact was deleted.
func TestUndoRefused(t *testing.T) {
	t.Parallel()
	testkit.Bubble(t, func(t *testing.T, srv *testkit.Server) {
		srv.AddContacts(growthgenius.Contact{Email: "ada@example.com", Title: "cto"}, growthgenius.Contact{Email: "bob@example.com", Title: "CFO"})
		before := snapshot(t, srv)
		inputs := []growthgenius.ContactInput{
			person(t, "email=ada@example.com", "title=CTO"),              // 2
			person(t, "email=bob@example.com", "title=CEO"),              // 3
			person(t, "email=bob@example.com", "city=Rome"),              // 4
			person(t, "email=bob@example.com", "title=CEO", "city=Rome"), // 5
		}
		for i := range 2 * 52 { // more fail than make an import end that fail one after the other
			inputs = append(inputs, person(t, fmt.Sprintf("email=person%d@example.com", i)))
		}
		c := srv.NewClient(growthgenius.WithLedger(ledger.NewMemory()), growthgenius.WithRetry(growthgenius.RetryPolicy{MaxAttempts: 1}))
		results(t, bulk.Import(t.Context(), c, rowsOf(inputs...), bulk.ImportOptions{Repeats: bulk.ApplyRepeats}))
		undo := func() (got []string) {
			return undone(t, bulk.Undo(t.Context(), c, rowsOf(inputs...), bulk.UndoOptions{Apply: true, Concurrency: 1}))
		}
		deletes := growthgeniustest.Fault{Method: http.MethodDelete, Status: http.StatusInternalServerError, Times: 1}
		srv.Inject(
			growthgeniustest.Fault{Method: http.MethodPatch, Status: http.StatusUnprocessableEntity, Times: 1},
			growthgeniustest.Fault{Method: http.MethodGet, Skip: 1, Status: http.StatusNotFound, Body: "404 page not found", Times: 1},
		)
		for range 52 {
			srv.Inject(deletes, growthgeniustest.Fault{Method: http.MethodDelete, Delay: time.Millisecond, Times: 1})
		}
		got := undo()
		expect(t, got[:6], `2 failed`, "3 failed", "4 failed", "5 unchanged", "6 failed", "7 deleted")
		srv.ClearFaults()
		srv.Inject(growthgeniustest.Fault{Method: http.MethodDelete, Status: http.StatusNotFound, Body: `{"error":"contact not found"}`, Commit: true})
		got = undo()
		expect(t, got[:6], `2 restored title: "CTO" → "cto"`, `3 restored title: "CEO" → "CFO"`, `4 restored city: "Rome" → null`, "5 unchanged", "6 deleted", "7 unchanged")
		expect(t, snapshot(t, srv), before...)
	})
}

// TestUndoOfRewrittenUpdates: the updates of a contact are taken back although its rows are in
// another order than in the import, the response to one was lost, and the API has rewritten it.
func TestUndoOfRewrittenUpdates(t *testing.T) {
	t.Parallel()
	upper := growthgeniustest.WithRewriting(func(field, text string) string {
		if field == "title" {
			return strings.ToUpper(text)
		}
		return text
	})
	testkit.Bubble(t, func(t *testing.T, srv *testkit.Server) {
		srv.AddContacts(growthgenius.Contact{Email: "ada@example.com", Title: "CTO"}, growthgenius.Contact{Email: "bob@example.com", Title: "CTO"})
		before := snapshot(t, srv)
		first, second, lost := person(t, "email=ada@example.com", "title=ceo"), person(t, "email=ada@example.com", "title=cfo"), person(t, "email=bob@example.com", "title=ceo")
		c := srv.NewClient(growthgenius.WithLedger(ledger.NewMemory()), growthgenius.WithRetry(growthgenius.RetryPolicy{MaxAttempts: 1}))
		srv.Inject(growthgeniustest.Fault{Method: http.MethodPatch, Effect: growthgeniustest.Reset, Commit: true, Times: 1})
		expect(t, results(t, bulk.Import(t.Context(), c, rowsOf(lost, first, second), bulk.ImportOptions{Repeats: bulk.ApplyRepeats, Concurrency: 1}))[:1], "2 failed "+string(srv.Contacts()[len(before)-1].ID))
		expect(t, undone(t, bulk.Undo(t.Context(), c, rowsOf(second, first, lost), bulk.UndoOptions{Apply: true})),
			`2 restored title: "CFO" → "CEO"`, `3 restored title: "CEO" → "CTO"`, `4 restored title: "CEO" → "CTO"`)
		expect(t, snapshot(t, srv), before...)
	}, upper)
}

// TestUndoOfTwins: a contact that is like one whose create was lost is not taken for it if it is known to
// be that of another row, or of another import.
func TestUndoOfTwins(t *testing.T) {
	t.Parallel()
	for _, other := range []string{"", "other"} {
		testkit.Bubble(t, func(t *testing.T, srv *testkit.Server) {
			twin := person(t, "first_name=Twin")
			blind := growthgeniustest.Fault{Method: http.MethodGet, Status: http.StatusInternalServerError}
			never := growthgeniustest.Fault{Method: http.MethodPost, Effect: growthgeniustest.Reset, Times: 1}
			srv.Inject(never, blind)
			l := ledger.NewMemory()
			c := srv.NewClient(growthgenius.WithLedger(l), growthgenius.WithRetry(growthgenius.RetryPolicy{MaxAttempts: 1}))
			rows, want := rowsOf(twin), []string{"2 unchanged"}
			if other == "" {
				rows, want = rowsOf(twin, twin), []string{"2 unchanged", "3 deleted"}
			}
			got := results(t, bulk.Import(t.Context(), c, rows, bulk.ImportOptions{Concurrency: 1}))
			srv.ClearFaults()
			if other != "" {
				got = append(got, results(t, bulk.Import(t.Context(), c, rowsOf(twin), bulk.ImportOptions{Name: other}))...)
			}
			if len(got) != 2 || got[0] != "2 unknown" || !strings.Contains(got[1], "created") {
				t.Errorf("the imports say %q", got)
			}
			for _, apply := range []bool{false, true} {
				if other != "" && !apply {
					continue // only the ledger knows
				}
				c := srv.NewClient(growthgenius.WithLedger(l)) // which has sent none of them
				expect(t, undone(t, bulk.Undo(t.Context(), c, rows, bulk.UndoOptions{Apply: apply, Concurrency: 1})), want...)
			}
		})
	}
}
