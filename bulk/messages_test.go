package bulk_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net/mail"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	growthgenius "github.com/growthgenius/growthgenius-go"
	"github.com/growthgenius/growthgenius-go/bulk"
	"github.com/growthgenius/growthgenius-go/growthgeniustest"
	"github.com/growthgenius/growthgenius-go/internal/testkit"
	"github.com/growthgenius/growthgenius-go/ledger"
	"github.com/growthgenius/growthgenius-go/mailbox"
)

// own is the address of the first user of the server.
const own = "dev@growthgenius.com"

// mailTo returns a mail of the first user.
func mailTo(id string, to ...string) *mailbox.Mail {
	return &mailbox.Mail{
		Where: "sent:" + id, MessageID: id, Date: time.Date(2020, 1, 2, 3, 4, 5, 0, time.FixedZone("", 3600)),
		From: addressesOf(own), To: addressesOf(to...), Subject: "Engines", Text: "Hi,\n  shall we talk?\n",
	}
}

func addressesOf(all ...string) (list []*mail.Address) {
	for _, a := range all {
		list = append(list, &mail.Address{Address: a})
	}
	return list
}

func mailsOf(all ...*mailbox.Mail) iter.Seq2[*mailbox.Mail, error] {
	return func(yield func(*mailbox.Mail, error) bool) {
		for _, m := range all {
			if !yield(m, nil) {
				return
			}
		}
	}
}

// messageServer returns a client of a server with the contacts a to d, whose ids are 1 to 4.
func messageServer(srv *testkit.Server) *growthgenius.Client {
	for i, name := range []string{"a", "b", "c", "d"} {
		srv.AddContacts(growthgenius.Contact{ID: growthgenius.IntID(int64(i + 1)), Email: name + "@example.com"})
	}
	return srv.NewClient(growthgenius.WithLedger(ledger.NewMemory()))
}

// logAll logs mails, and returns the results in the order of their texts.
func logAll(t *testing.T, c *growthgenius.Client, o bulk.MessageOptions, all ...*mailbox.Mail) (results []string) {
	t.Helper()
	for r, err := range bulk.LogMessages(t.Context(), c, mailsOf(all...), o).Results() {
		if err != nil {
			t.Fatal(err)
		}
		if (r.Err == nil) != (r.Outcome == bulk.Logged || r.Outcome == bulk.AlreadyLogged) {
			t.Errorf("the error of %v is %v", r, r.Err)
		}
		if (r.ID == "") != (r.Outcome != bulk.AlreadyLogged && (r.Outcome != bulk.Logged || o.DryRun)) {
			t.Errorf("the id of %v is %q", r, r.ID)
		}
		if r.Where == "" || strings.Contains(r.String(), "talk") {
			t.Errorf("the result reads %q", r)
		}
		results = append(results, messageNumber.ReplaceAllString(r.String(), "message N"))
	}
	slices.Sort(results)
	return results
}

var messageNumber = regexp.MustCompile(`message \d+`)

func wantLines(t *testing.T, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("got\n  %s\nwant\n  %s", strings.Join(got, "\n  "), strings.Join(want, "\n  "))
	}
}

// TestMessagesContent: a mail becomes one message for each of its contacts.
func TestMessagesContent(t *testing.T) {
	t.Parallel()
	testkit.Bubble(t, func(t *testing.T, srv *testkit.Server) {
		c := messageServer(srv)
		srv.AddContacts(growthgenius.Contact{ID: "5", Email: "twice@example.com"}, growthgenius.Contact{ID: "6", Email: "Twice@example.com"})
		m := mailTo("1@x", "A@Example.com", own, "a@example.com", "nobody@example.com")
		m.Cc, m.Bcc = addressesOf("b@example.com", "tim@cnn.com", "twice@example.com"), addressesOf("c@example.com", "nobody@example.com")
		html := mailTo("2@x", "a@example.com")
		html.Text, html.HTML = " \n", "<p>Hi</p>\n"
		wantLines(t, logAll(t, c, bulk.MessageOptions{}, m, html),
			"sent:1@x: logged: A@Example.com", "sent:1@x: logged: b@example.com", "sent:1@x: logged: c@example.com",
			"sent:1@x: no contact: nobody@example.com: no contact has the address",
			"sent:1@x: several contacts: twice@example.com: 2 contacts have the address: [5 6]", "sent:2@x: logged: a@example.com")
		var contacts []string
		for _, got := range srv.Messages() {
			contacts = append(contacts, string(got.ContactID))
			want := growthgenius.Message{
				ID: got.ID, ContactID: got.ContactID, MessageType: "sales_force_message", UserID: "1", TeamID: got.TeamID,
				RenderedSubject: "Engines", RenderedCopy: "Hi,\n  shall we talk?", SentAt: got.SentAt,
			}
			if got.RenderedCopy == "<p>Hi</p>" {
				want.RenderedCopy = got.RenderedCopy
			}
			if fmt.Sprint(got) != fmt.Sprint(want) || !got.SentAt.Equal(m.Date) {
				t.Errorf("got  %+v\nwant %+v", got, want)
			}
		}
		slices.Sort(contacts)
		wantLines(t, contacts, "1", "1", "2", "3")
		for _, e := range srv.Ledger() {
			if !strings.Contains(e.Content, `"user_id":1`) {
				t.Errorf("this has no user: %s", e.Content)
			}
		}
	})
}

// TestMessagesLeftOut: what is not logged has a result that says why.
func TestMessagesLeftOut(t *testing.T) {
	t.Parallel()
	testkit.Bubble(t, func(t *testing.T, srv *testkit.Server) {
		c := messageServer(srv)
		change := func(id string, by func(*mailbox.Mail)) *mailbox.Mail {
			m := mailTo(id, "a@example.com")
			by(m)
			return m
		}
		all := []*mailbox.Mail{
			change("draft", func(m *mailbox.Mail) { m.Flags = "DS" }),
			change("trash", func(m *mailbox.Mail) { m.Flags = "ST" }),
			change("nodate", func(m *mailbox.Mail) { m.Date = time.Time{} }),
			change("nosender", func(m *mailbox.Mail) { m.From = nil }),
			change("internal", func(m *mailbox.Mail) { m.To = addressesOf(own) }),
			change("received", func(m *mailbox.Mail) { m.From = addressesOf("B@example.com") }),
			change("stranger", func(m *mailbox.Mail) { m.From = addressesOf("news@shop.example") }),
			change("branch", func(m *mailbox.Mail) { m.From = addressesOf("ann@branch.example") }),
		}
		left := []string{
			"sent:branch: no contact: ann@branch.example: the sender is neither a user nor a contact: see Own",
			"sent:draft: skipped: it is a draft",
			"sent:internal: skipped: it has no recipient outside the team",
			"sent:nodate: rejected: the mail has no date, or none that can be read",
			"sent:nosender: rejected: the mail has no sender",
			"sent:received: skipped: B@example.com: a contact has sent it, and ReceivedType is not set",
			"sent:stranger: no contact: news@shop.example: the sender is neither a user nor a contact: see Own",
			"sent:trash: skipped: it is in the trash",
		}
		wantLines(t, logAll(t, c, bulk.MessageOptions{}, all...), left...)
		if n := len(srv.Messages()); n != 0 {
			t.Errorf("%d messages", n)
		}
		left[0], left[5] = "sent:branch: logged: a@example.com", "sent:received: logged: B@example.com"
		o := bulk.MessageOptions{Type: "email", ReceivedType: "reply", Own: []string{"@Branch.example", "sales@example.com"}}
		wantLines(t, logAll(t, c, o, all...), left...)
		for _, m := range srv.Messages() {
			if want := map[growthgenius.ID]string{"1": "email", "2": "reply"}[m.ContactID]; m.MessageType != want {
				t.Errorf("a message to %s has the type %q", m.ContactID, m.MessageType)
			}
		}
		for _, e := range srv.Ledger() {
			if strings.Contains(e.Content, "user_id") {
				t.Errorf("a message of no user has one: %s", e.Content)
			}
		}
	})
}

// TestMessagesOnce: copies of a mail are logged once, whatever differs, and cost no request when
// that is known. Mails with equal texts are not copies.
func TestMessagesOnce(t *testing.T) {
	t.Parallel()
	testkit.Bubble(t, func(t *testing.T, srv *testkit.Server) {
		c := messageServer(srv)
		copied := mailTo("1@x", "a@example.com")
		copied.Bcc, copied.Text = addressesOf("b@example.com"), "Hi,\r\n  shall we talk?\r\n-- \r\nThe list\r\n"
		later, unnamed, alike, other := mailTo("2@x", "a@example.com"), mailTo("", "c@example.com"), mailTo("", "c@example.com"), mailTo("", "c@example.com")
		later.Date = later.Date.Add(time.Second)
		alike.Text, alike.Where = "Hi, shall we\n talk?", "archive:7"
		other.Subject = "Other"
		reused := mailTo("1@x", "a@example.com")
		postponed, forwarded := mailTo("1@x", "a@example.com"), mailTo("1@x", "a@example.com")
		postponed.Date, postponed.Text, postponed.Where = reused.Date.Add(time.Hour), "I am away.", "postponed"
		forwarded.Date, forwarded.Subject, forwarded.Text, forwarded.Where = reused.Date.Add(time.Hour), "Other", "Hi, shall\nwe talk?", "forwarded"
		reused.Date, reused.Subject, reused.Text, reused.Where = reused.Date.Add(time.Hour), "Out of office", "I am away.", "reused"
		wantLines(t, logAll(t, c, bulk.MessageOptions{}, mailTo("1@x", "a@example.com"), copied, later, unnamed, alike, other, reused, postponed, forwarded),
			"archive:7: already logged: c@example.com", "forwarded: already logged: a@example.com", "postponed: already logged: a@example.com",
			"reused: rejected: a@example.com: the Message-ID is that of another mail, which is logged as message N",
			"sent:1@x: already logged: a@example.com", "sent:1@x: logged: a@example.com", "sent:1@x: logged: b@example.com",
			"sent:2@x: logged: a@example.com", "sent:: logged: c@example.com", "sent:: logged: c@example.com")
		if n := len(srv.Messages()); n != 5 {
			t.Errorf("%d messages, want 5", n)
		}
		srv.ResetRequests()
		wantLines(t, logAll(t, c, bulk.MessageOptions{}, copied, later, alike),
			"archive:7: already logged: c@example.com", "sent:1@x: already logged: a@example.com", "sent:1@x: already logged: b@example.com",
			"sent:2@x: already logged: a@example.com")
		if n := len(srv.Requests()); n != 2 {
			t.Errorf("%d requests of a run that logs nothing, want those for the users and the contacts", n)
		}
	})
}

// TestMessagesGoOn: a message whose outcome is unknown is found by the next run, also if that has
// another copy of the mail and acts as another user.
func TestMessagesGoOn(t *testing.T) {
	t.Parallel()
	testkit.Bubble(t, func(t *testing.T, srv *testkit.Server) {
		c := messageServer(srv)
		srv.Inject(
			growthgeniustest.Fault{Method: "POST", Effect: growthgeniustest.Reset, Commit: true, Times: 1},
			growthgeniustest.Fault{Method: "GET", Route: growthgeniustest.RouteMessages, Status: 403},
		)
		results := logAll(t, c, bulk.MessageOptions{}, mailTo("1@x", "a@example.com"))
		if len(results) != 1 || !strings.HasPrefix(results[0], "sent:1@x: unknown: a@example.com: ") {
			t.Errorf("got %v", results)
		}
		srv.ClearFaults()
		copied := mailTo("1@x", "a@example.com")
		copied.Where, copied.Text = "archive:1", "Hi,\n  shall we talk?\n-- \nThe list"
		wantLines(t, logAll(t, c.ForUser("2"), bulk.MessageOptions{Type: "email"}, copied), "archive:1: logged: a@example.com")
		if all := srv.Messages(); len(all) != 1 || strings.Contains(all[0].RenderedCopy, "list") {
			t.Errorf("got %v", all)
		}
	})
}

// TestMessagesAskAgain: a message whose outcome is unknown is asked for again in the end, twice.
func TestMessagesAskAgain(t *testing.T) {
	t.Parallel()
	testkit.Bubble(t, func(t *testing.T, srv *testkit.Server) {
		c := messageServer(srv)
		srv.Inject(
			growthgeniustest.Fault{Method: "POST", Effect: growthgeniustest.Reset, Commit: true, Times: 1},
			growthgeniustest.Fault{Method: "GET", Route: growthgeniustest.RouteMessages, Status: 403, Times: 2},
		)
		wantLines(t, logAll(t, c, bulk.MessageOptions{}, mailTo("1@x", "a@example.com")), "sent:1@x: logged: a@example.com")
		if n := len(srv.Messages()); n != 1 {
			t.Errorf("%d messages", n)
		}
	})
}

// TestMessagesTwins: mails that differ in nothing but their Message-ID are each a message of their
// own, though the responses to all are lost.
func TestMessagesTwins(t *testing.T) {
	t.Parallel()
	for seed := range uint64(8) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			testkit.Bubble(t, func(t *testing.T, srv *testkit.Server) {
				messageServer(srv)
				shared := growthgenius.WithLedger(ledger.NewMemory())
				srv.Inject(
					growthgeniustest.Fault{Method: "POST", Effect: growthgeniustest.Reset, Commit: true, Probability: .6},
					growthgeniustest.Fault{Method: "POST", Effect: growthgeniustest.Reset, Probability: .3},
				)
				var twins []*mailbox.Mail
				for i := range 4 {
					twins = append(twins, mailTo(fmt.Sprint(i), "a@example.com"))
				}
				var results []string
				for range 3 {
					results = logAll(t, srv.NewClient(shared), bulk.MessageOptions{}, twins...)
				}
				for _, r := range results {
					if !strings.Contains(r, "already logged") {
						t.Error(r)
					}
				}
				if n := len(srv.Messages()); n != len(twins) {
					t.Errorf("%d messages of %d mails", n, len(twins))
				}
			}, growthgeniustest.WithSeed(seed+1))
		})
	}
}

// TestMessagesOrder: mails to one contact are logged in their order, and those to several at the
// same time.
func TestMessagesOrder(t *testing.T) {
	t.Parallel()
	testkit.Bubble(t, func(t *testing.T, srv *testkit.Server) {
		c := messageServer(srv)
		srv.Inject(growthgeniustest.Fault{Method: "POST", Delay: time.Second})
		var all []*mailbox.Mail
		for i := range 10 {
			for _, to := range []string{"a", "b", "c", "d"} {
				m := mailTo(fmt.Sprint(to, i), to+"@example.com")
				m.Subject = fmt.Sprint(i)
				all = append(all, m)
			}
		}
		begun := time.Now()
		logAll(t, c, bulk.MessageOptions{Concurrency: 4}, all...)
		if took := time.Since(begun); took < 10*time.Second || took > 11*time.Second {
			t.Errorf("40 mails to 4 contacts took %v at a second each", took)
		}
		subjects := map[growthgenius.ID]string{}
		for _, m := range srv.Messages() {
			subjects[m.ContactID] += m.RenderedSubject
		}
		for id, order := range subjects {
			if order != "0123456789" {
				t.Errorf("the messages of %s have the order %s", id, order)
			}
		}
	})
}

// TestMessagesDryRun: a dry run writes nothing, and says what would be logged.
func TestMessagesDryRun(t *testing.T) {
	t.Parallel()
	testkit.Bubble(t, func(t *testing.T, srv *testkit.Server) {
		c := messageServer(srv)
		logAll(t, c, bulk.MessageOptions{}, mailTo("1@x", "a@example.com"))
		wantLines(t, logAll(t, c, bulk.MessageOptions{DryRun: true}, mailTo("1@x", "a@example.com"), mailTo("2@x", "a@example.com", "x@example.com")),
			"sent:1@x: already logged: a@example.com", "sent:2@x: logged: a@example.com", "sent:2@x: no contact: x@example.com: no contact has the address")
		if n := len(srv.Messages()); n != 1 {
			t.Errorf("%d messages", n)
		}
	})
}

// TestMessagesProgress: the progress can be read at any time, counts the results, and tells how long
// the rest takes if it is known how many mails there are.
func TestMessagesProgress(t *testing.T) {
	t.Parallel()
	const count = 150
	for mails, known := range map[int]bool{0: false, count: true} {
		testkit.Bubble(t, func(t *testing.T, srv *testkit.Server) {
			c := messageServer(srv)
			srv.Inject(growthgeniustest.Fault{Method: "POST", Delay: time.Second})
			var all []*mailbox.Mail
			for i := range count {
				all = append(all, mailTo(fmt.Sprint(i), "a@example.com", "x@example.com"))
			}
			run := bulk.LogMessages(t.Context(), c, mailsOf(all...), bulk.MessageOptions{Mails: mails, Concurrency: 1})
			if p := run.Progress(); p.Done != 0 || p.Final {
				t.Errorf("before it begins: %+v", p)
			}
			logged := 0
			for r, err := range run.Results() {
				if err != nil {
					t.Fatal(err)
				}
				if r.Outcome == bulk.Logged {
					logged++
				}
				if p := run.Progress(); logged == count/2 && r.Outcome == bulk.Logged {
					if p.Final != known || known && (p.Total != 2*count || (p.Left-count/2*time.Second).Abs() > count/2*time.Second*15/100) || !known && p.Left > 0 {
						t.Errorf("half of it is done: %+v", p)
					}
				}
			}
			if p := run.Progress(); !p.Final || p.Total != 2*count || p.Done != 2*count || p.Counts[bulk.Logged] != count || p.Counts[bulk.NoContact] != count {
				t.Errorf("in the end: %+v", p)
			}
			ended := run.Progress().String()
			time.Sleep(time.Hour)
			if p := run.Progress(); p.String() != ended {
				t.Errorf("later: %v, and in the end it was %s", p, ended)
			}
		})
	}
}

// TestMessagesLimited: the progress says that the rate limit holds the run back.
func TestMessagesLimited(t *testing.T) {
	t.Parallel()
	testkit.Bubble(t, func(t *testing.T, srv *testkit.Server) {
		messageServer(srv)
		c := srv.NewClient(growthgenius.WithLedger(ledger.NewMemory()), growthgenius.WithRateLimit(2, 1))
		run := bulk.LogMessages(t.Context(), c, endless(t, -1, nil), bulk.MessageOptions{})
		n := 0
		for _, err := range run.Results() {
			n++
			if n == 30 || err != nil {
				break
			}
			if p := run.Progress(); n > 20 && !strings.Contains(p.Waiting, "rate limit") {
				t.Errorf("after %d results: %v", n, p)
			}
		}
	})
}

// TestMessagesStayUnknown: an outcome that is unknown stays so if the run is interrupted while it
// asks again. A mail whose contacts could not be looked up any more is pending.
func TestMessagesStayUnknown(t *testing.T) {
	t.Parallel()
	testkit.Bubble(t, func(t *testing.T, srv *testkit.Server) {
		c := messageServer(srv)
		srv.Inject(
			growthgeniustest.Fault{Method: "POST", Effect: growthgeniustest.Reset, Commit: true},
			growthgeniustest.Fault{Method: "GET", Route: growthgeniustest.RouteMessages, Status: 403, Delay: time.Second},
		)
		ctx, cancel := context.WithTimeout(t.Context(), 2500*time.Millisecond)
		defer cancel()
		results := 0
		for r, err := range bulk.LogMessages(ctx, c, mailsOf(mailTo("1", "a@example.com"), mailTo("2", "a@example.com")), bulk.MessageOptions{}).Results() {
			if err == nil {
				results++
				if r.Outcome != bulk.Unknown || r.Token == nil {
					t.Error(r)
				}
			}
		}
		if results != 2 {
			t.Errorf("%d results", results)
		}
		srv.ClearFaults()
		srv.Inject(growthgeniustest.Fault{Method: "GET", Route: growthgeniustest.RouteContacts, Skip: 1, Delay: time.Minute})
		late := func(yield func(*mailbox.Mail, error) bool) {
			time.Sleep(time.Minute)
			yield(mailTo("3", "x@example.com"), nil)
		}
		ctx, cancel = context.WithTimeout(t.Context(), 70*time.Second)
		defer cancel()
		for r, err := range bulk.LogMessages(ctx, c, late, bulk.MessageOptions{}).Results() {
			if err == nil && r.Outcome != bulk.Pending {
				t.Error(r)
			}
		}
	})
}

// racing is a ledger in which something happens when a key is acquired for the second time.
type racing struct {
	growthgenius.Ledger
	acquired *int
	second   func()
}

func (l racing) Acquire(ctx context.Context, key string) (growthgenius.Lease, error) {
	*l.acquired++
	if *l.acquired == 2 {
		l.second()
	}
	return l.Ledger.Acquire(ctx, key)
}

// TestMessagesRace: another process logs another copy of a mail between the look into the ledger
// and the create.
func TestMessagesRace(t *testing.T) {
	t.Parallel()
	testkit.Bubble(t, func(t *testing.T, srv *testkit.Server) {
		messageServer(srv)
		shared := ledger.NewMemory()
		copied := mailTo("1@x", "a@example.com")
		copied.Text = "Another one"
		c := srv.NewClient(growthgenius.WithLedger(racing{shared, new(0), func() {
			wantLines(t, logAll(t, srv.NewClient(growthgenius.WithLedger(shared)), bulk.MessageOptions{}, copied), "sent:1@x: logged: a@example.com")
		}}))
		wantLines(t, logAll(t, c, bulk.MessageOptions{}, mailTo("1@x", "a@example.com")), "sent:1@x: already logged: a@example.com")
		if n := len(srv.Messages()); n != 1 {
			t.Errorf("%d messages", n)
		}
	})
}

// endless returns mails until the loop ends.
func endless(t *testing.T, after int, do func()) iter.Seq2[*mailbox.Mail, error] {
	t.Helper()
	return func(yield func(*mailbox.Mail, error) bool) {
		for i := 0; ; i++ {
			if i == after {
				do()
			}
			if !yield(mailTo(fmt.Sprint(i), string(rune('a'+i%4))+"@example.com"), nil) {
				return
			}
		}
	}
}

// TestMessagesEnd: a run ends when its loop or its context does, and the next one goes on.
func TestMessagesEnd(t *testing.T) {
	t.Parallel()
	testkit.Bubble(t, func(t *testing.T, srv *testkit.Server) {
		c := messageServer(srv)
		outcomes := map[bulk.Outcome]int{}
		ctx, cancel := context.WithCancel(t.Context())
		var last error
		run := bulk.LogMessages(ctx, c, endless(t, 150, cancel), bulk.MessageOptions{})
		for r, err := range run.Results() {
			if last = err; err == nil {
				outcomes[r.Outcome]++
			}
		}
		if !errors.Is(last, context.Canceled) || outcomes[bulk.Logged] == 0 || outcomes[bulk.Pending] == 0 || len(outcomes) > 3 {
			t.Errorf("the context ended: %v, %v", outcomes, last)
		}
		for _, err := range run.Results() {
			if err == nil || !strings.Contains(err.Error(), "once") {
				t.Errorf("a second loop: %v", err)
			}
		}
		n := 0
		for _, err := range bulk.LogMessages(t.Context(), c, endless(t, -1, nil), bulk.MessageOptions{}).Results() {
			n++
			if n == 100 || err != nil {
				break
			}
		}
		if n != 100 {
			t.Errorf("the loop ended after %d results", n)
		}
	})
}

// TestMessagesErrors: what makes a run senseless ends it with an error.
func TestMessagesErrors(t *testing.T) {
	t.Parallel()
	broken := func(yield func(*mailbox.Mail, error) bool) {
		_ = yield(nil, &mailbox.Error{Where: "sent:9", Err: errors.New("not a mail")}) && yield(nil, errors.New("the disk is gone"))
	}
	for name, tt := range map[string]struct {
		mails   iter.Seq2[*mailbox.Mail, error]
		opts    bulk.MessageOptions
		plain   bool // without a ledger
		fault   growthgeniustest.Fault
		want    string
		results int
	}{
		"no ledger":            {plain: true, want: "invalid input: the client needs a ledger"},
		"negative concurrency": {opts: bulk.MessageOptions{Concurrency: -1}, want: "invalid input: the concurrency"},
		"negative bound":       {opts: bulk.MessageOptions{MaxContacts: -1}, want: "invalid input: MaxContacts"},
		"too many contacts":    {opts: bulk.MessageOptions{MaxContacts: 3}, want: "raise MaxContacts"},
		"no users":             {fault: growthgeniustest.Fault{Route: growthgeniustest.RouteUsers, Status: 403}, want: "reading the users"},
		"no contacts":          {fault: growthgeniustest.Fault{Route: growthgeniustest.RouteContacts, Status: 403}, want: "reading the contacts"},
		"no mailbox":           {mails: broken, want: "the disk is gone", results: 1},
		"wrong key":            {fault: growthgeniustest.Fault{Method: "POST", Status: 401}, want: "bulk.LogMessages: growthgenius: POST /messages: 401 Unauthorized"},
		"all fail":             {fault: growthgeniustest.Fault{Method: "POST", Status: 403}, want: "50 results in a row have failed"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			testkit.Bubble(t, func(t *testing.T, srv *testkit.Server) {
				c := messageServer(srv)
				if tt.plain {
					c = srv.NewClient()
				}
				if tt.fault.Status != 0 {
					srv.Inject(tt.fault)
				}
				if tt.mails == nil {
					tt.mails = endless(t, -1, nil)
				}
				n := 0
				for r, err := range bulk.LogMessages(t.Context(), c, tt.mails, tt.opts).Results() {
					switch {
					case err == nil && r.Outcome == bulk.Logged:
						t.Error(r)
					case err == nil:
						n++
					case !strings.HasPrefix(err.Error(), "bulk.LogMessages: ") || !strings.Contains(err.Error(), tt.want):
						t.Errorf("the run ends with %v, want %s", err, tt.want)
					default:
						tt.want = ""
					}
				}
				if tt.want != "" || tt.results > 0 && n != tt.results {
					t.Errorf("%d results, and no error %s", n, tt.want)
				}
			})
		})
	}
}

// TestMessagesRefused: a message that the API refuses, or that fails, does not stop the others.
func TestMessagesRefused(t *testing.T) {
	t.Parallel()
	testkit.Bubble(t, func(t *testing.T, srv *testkit.Server) {
		c := messageServer(srv)
		srv.Inject(growthgeniustest.Fault{Method: "POST", Status: 422, Times: 1}, growthgeniustest.Fault{Method: "POST", Status: 403, Times: 1})
		results := logAll(t, c, bulk.MessageOptions{Concurrency: 1}, mailTo("1", "a@example.com"), mailTo("2", "a@example.com"), mailTo("3", "a@example.com"))
		for i, want := range []string{"sent:1: rejected: a@example.com: ", "sent:2: failed: a@example.com: ", "sent:3: logged: a@example.com"} {
			if len(results) != 3 || !strings.HasPrefix(results[i], want) {
				t.Errorf("result %d of %v, want %s", i, results, want)
			}
		}
		srv.Inject(growthgeniustest.Fault{Method: "GET", Route: growthgeniustest.RouteContacts, Status: 403, Skip: 1})
		slow := func(yield func(*mailbox.Mail, error) bool) {
			time.Sleep(time.Minute)
			yield(mailTo("4", "x@example.com"), nil)
		}
		for r, err := range bulk.LogMessages(t.Context(), c, slow, bulk.MessageOptions{}).Results() {
			if err != nil || r.Outcome != bulk.Failed || !errors.Is(r.Err, growthgenius.ErrForbidden) {
				t.Errorf("it cannot be read which contacts have changed: %v, %v", r, err)
			}
		}
	})
}
