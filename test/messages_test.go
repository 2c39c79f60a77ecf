package test

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"iter"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/time/rate"

	"github.com/growthgenius/growthgenius-go"
	"github.com/growthgenius/growthgenius-go/bulk"
	"github.com/growthgenius/growthgenius-go/growthgeniustest"
	"github.com/growthgenius/growthgenius-go/internal/testkit"
	"github.com/growthgenius/growthgenius-go/mailbox"
)

var (
	messagesMails     = flag.Int("messages.mails", 60, "how many mails TestMessagesOfAFleet has")
	messagesProcesses = flag.Int("messages.processes", 4, "how many processes log them")
	messagesRuns      = flag.Int("messages.runs", 2, "how often they are started; in each run but the last one, one more than there are is killed")
)

// TestMessagesOfAFleet: processes that share a ledger log the mails of three mailboxes that
// overlap, while 30% of all requests meet a fault, and all processes are killed at some time. In
// the end there is one message of each mail.
func TestMessagesOfAFleet(t *testing.T) {
	t.Parallel()
	if api := os.Getenv("MESSAGES_TEST_URL"); api != "" {
		logMailboxes(t, api, os.Getenv("MESSAGES_TEST_KEY"), os.Getenv("MESSAGES_TEST_LEDGER"), os.Getenv("MESSAGES_TEST_DIR"))
		return
	}
	api := growthgeniustest.NewServer(t, growthgeniustest.WithoutRecording())
	for i := range contactsOfMails() {
		api.AddContacts(growthgenius.Contact{Email: recipient(i)})
	}
	srv := httptest.NewServer(newLedgerServer())
	t.Cleanup(srv.Close)
	dir := t.TempDir()
	writeMailboxes(t, dir)
	api.Inject(growthgeniustest.FaultMix(0.3, 0)...)
	f := &fleetOfMessages{t: t, api: api, env: []string{
		"MESSAGES_TEST_URL=" + api.URL(), "MESSAGES_TEST_KEY=" + api.APIKey(), "MESSAGES_TEST_LEDGER=" + srv.URL, "MESSAGES_TEST_DIR=" + dir,
	}}
	begun := time.Now()
	for run := range *messagesRuns {
		f.run(run)
	}
	t.Logf("%d mails, %d processes, %d runs, %d kills, %.0f s: %d messages; the last run: %v",
		*messagesMails, *messagesProcesses, *messagesRuns, f.kills, time.Since(begun).Seconds(), len(api.Messages()), f.outcomes)
	api.ClearFaults()
	f.outcomes = map[bulk.Outcome]int{}
	f.process(t.Context(), "0")
	for outcome := range f.outcomes {
		if outcome != bulk.AlreadyLogged && outcome != bulk.Logged {
			t.Errorf("a run without faults: %v", f.outcomes)
		}
	}
	want := map[string]int{}
	for i := range *messagesMails {
		want[fmt.Sprint(sentAt(i).Unix(), subject(i))]++
	}
	for _, m := range api.Messages() {
		want[fmt.Sprint(m.SentAt.Unix(), m.RenderedSubject)]--
	}
	for mail, n := range want {
		if n != 0 {
			t.Errorf("%s: %d messages too few", mail, n)
		}
	}
}

// fleetOfMessages are processes that log mails.
type fleetOfMessages struct {
	t     *testing.T
	api   *growthgeniustest.Server
	env   []string
	kills int

	mu       sync.Mutex // guards outcomes
	outcomes map[bulk.Outcome]int
}

// run starts all processes. In each run but the last one, it kills one of them and starts it
// again when half of the share of the run is logged, and kills all when the share is logged.
func (f *fleetOfMessages) run(run int) {
	f.outcomes = map[bulk.Outcome]int{}
	last := run == *messagesRuns-1
	share := func(part int) bool {
		return last || len(f.api.Messages())*2**messagesRuns < *messagesMails*(2*run+part)
	}
	var group sync.WaitGroup
	for i := range *messagesProcesses {
		group.Go(func() {
			if i == 0 && !last {
				f.until(i, true, func() bool { return share(1) })
			}
			f.until(i, !last, func() bool { return share(2) })
		})
	}
	group.Wait()
}

// until runs a process and kills it when a condition does not hold any more. If the process
// ends before, it is started again while again is true.
func (f *fleetOfMessages) until(i int, again bool, holds func() bool) {
	ctx, kill := context.WithCancel(f.t.Context())
	defer kill()
	const most = 20 // processes may end early because they cannot read the contacts
	for range most {
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			f.process(ctx, fmt.Sprint(i))
		}()
		for running := true; running; {
			select {
			case <-ended:
				running = false
				continue
			case <-time.After(time.Duration(rand.IntN(20)) * time.Millisecond):
			}
			if !holds() {
				f.mu.Lock()
				f.kills++
				f.mu.Unlock()
				kill()
				<-ended
				return
			}
		}
		if !again {
			return
		}
	}
	f.t.Errorf("%d processes ended before they were killed", most)
}

// process runs a process to its end, and counts its results.
func (f *fleetOfMessages) process(ctx context.Context, name string) {
	child := exec.CommandContext(ctx, os.Args[0], "-test.run=^TestMessagesOfAFleet$", fmt.Sprint("-messages.mails=", *messagesMails))
	child.Env = append(append(os.Environ(), "MESSAGES_TEST_NAME="+name), f.env...)
	out, err := child.CombinedOutput()
	if ctx.Err() != nil {
		return
	}
	_, counts, _ := strings.Cut(string(out), "outcomes: ")
	var outcomes map[bulk.Outcome]int
	if err == nil {
		err = json.NewDecoder(strings.NewReader(counts)).Decode(&outcomes)
	}
	if err != nil {
		f.t.Errorf("a process failed: %v\n%s", err, out)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for outcome, n := range outcomes {
		f.outcomes[outcome] += n
	}
}

// logMailboxes is the process that is killed.
func logMailboxes(t *testing.T, apiURL, key, ledgerURL, dir string) {
	t.Helper()
	transport := growthgenius.DefaultTransport()
	t.Cleanup(transport.CloseIdleConnections)
	plain := &http.Client{Transport: transport}
	c := testkit.NewClient(t, key, growthgenius.WithHTTPClient(plain), growthgenius.WithBaseURL(apiURL), growthgenius.WithUserID("1"),
		growthgenius.WithLedger(remoteLedger{ledgerURL, plain}), growthgenius.WithAttemptTimeout(time.Second),
		growthgenius.WithRetry(growthgenius.RetryPolicy{MaxAttempts: 8, MinBackoff: 10 * time.Millisecond, MaxBackoff: 200 * time.Millisecond}),
		growthgenius.WithReadBack(growthgenius.ReadBackPolicy{Settle: 500 * time.Millisecond}),
		growthgenius.WithLimiter(rate.NewLimiter(rate.Inf, 0))) // the 429s come at random
	outcomes := map[bulk.Outcome]int{}
	for r, err := range bulk.LogMessages(t.Context(), c, mailboxesIn(dir), bulk.MessageOptions{Concurrency: 16}).Results() {
		if err != nil {
			fmt.Println(err) // the next run goes on
			break
		}
		outcomes[r.Outcome]++
	}
	counts, err := json.Marshal(outcomes)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Printf("outcomes: %s\n", counts)
}

// mailboxesIn returns the mails of all mailboxes, beginning with another one in each process.
func mailboxesIn(dir string) iter.Seq2[*mailbox.Mail, error] {
	names := []string{"sent.mbox", "Maildir", "archive.mbox"}
	first := int(os.Getenv("MESSAGES_TEST_NAME")[0] - '0')
	return func(yield func(*mailbox.Mail, error) bool) {
		for i := range names {
			for m, err := range mailbox.Read(filepath.Join(dir, names[(first+i)%len(names)])) {
				if !yield(m, err) {
					return
				}
			}
		}
	}
}

func contactsOfMails() int { return max(1, *messagesMails/10) }

func recipient(i int) string { return fmt.Sprintf("ada%d@example.com", i%contactsOfMails()) }

// sentAt and subject make each twentieth mail the twin of the one before to the same contact: it
// was sent a second later, and has the same texts.
func sentAt(i int) time.Time {
	at := time.Date(2021, 3, 4, 5, 6, 7, 0, time.UTC).Add(time.Duration(i) * time.Minute)
	if n := contactsOfMails(); i%20 == 0 && i >= n {
		at = sentAt(i - n).Add(time.Second)
	}
	return at
}

func subject(i int) string {
	if n := contactsOfMails(); i%20 == 0 && i >= n {
		return subject(i - n)
	}
	return fmt.Sprint("Mail ", i)
}

// writeMailboxes writes the first two thirds of the mails, the last two thirds, and every other
// one. The copies of a mail differ in their Bcc, their line ends and what relays add.
func writeMailboxes(t *testing.T, dir string) {
	t.Helper()
	var sent, archive strings.Builder
	maildir := filepath.Join(dir, "Maildir")
	for _, folder := range []string{"cur", "new", "tmp"} {
		if err := os.MkdirAll(filepath.Join(maildir, folder), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for i := range *messagesMails {
		text := fmt.Sprintf("Message-ID: <%d@example.com>\nDate: %s\nFrom: Dev <dev@growthgenius.com>\nTo: %s\nSubject: %s\n\nHi,\n\nFrom here on: %s\n",
			i, sentAt(i).Format(time.RFC1123Z), recipient(i), subject(i), subject(i))
		const separator = "From dev@growthgenius.com Thu Mar  4 05:06:07 2021\n"
		if 3*i < 2**messagesMails {
			sent.WriteString(separator + "Bcc: dev@growthgenius.com\n" + text + "\n")
		}
		if 3*i >= *messagesMails {
			name := filepath.Join(maildir, "cur", fmt.Sprintf("%d.host:2,S", i))
			if err := os.WriteFile(name, []byte("Received: by relay\n"+text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if i%2 == 0 {
			archive.WriteString(strings.ReplaceAll(separator+text+"\n", "\n", "\r\n"))
		}
	}
	for name, all := range map[string]string{"sent.mbox": sent.String(), "archive.mbox": archive.String()} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(all), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}
