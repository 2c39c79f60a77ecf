// Messages logs the mails of mbox files and Maildir folders as messages of contacts, each mail
// once.
//
//	go run .                                # a sample mailbox, and a server in memory
//	go run . -dry-run Sent.mbox             # what it would do
//	go run . Sent.mbox ~/Maildir            # mailboxes may have some mails in common
//	go run . -own @branch.example Sent.mbox # the team also sends from these addresses
//
// It may be interrupted at any time, and run again: the file of -ledger has which mails are
// logged. Use one ledger for all mailboxes of an account. Only one process can have it open: see
// docs/keys.md for ledgers that several processes share.
//
// Standard error shows the progress: in a line that changes on a terminal, and otherwise in a line
// every 10 seconds. The exit status is 1 if the run or some mails have failed, 4 if the outcome of some is unknown
// (run it again), 3 if some were rejected or have recipients that are not contacts, and 0 if
// all is well.
//
// If GROWTHGENIUS_API_KEY and GROWTHGENIUS_USER_ID are set, it uses the real API. Otherwise it
// uses a server in memory, over real HTTP, and does not accept mailboxes.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"iter"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/growthgenius/growthgenius-go"
	"github.com/growthgenius/growthgenius-go/bulk"
	"github.com/growthgenius/growthgenius-go/ledger"
	"github.com/growthgenius/growthgenius-go/mailbox"
)

func main() {
	var o bulk.MessageOptions
	file := flag.String("ledger", "messages.ledger", "the `file` that has which mails are logged")
	flag.BoolVar(&o.DryRun, "dry-run", false, "log nothing, and say what would be logged")
	flag.StringVar(&o.ReceivedType, "received", "", "also log mails from contacts, as messages of this `type`")
	flag.Func("own", "an `address` or @domain of the team, beside those of its users; may be given several times", func(address string) error {
		o.Own = append(o.Own, address)
		return nil
	})
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // so that a second Ctrl-C ends the program at once
	var s *summary
	var err error
	switch key := os.Getenv("GROWTHGENIUS_API_KEY"); {
	case key == "" && flag.NArg() > 0:
		err = errors.New("GROWTHGENIUS_API_KEY is not set: the mails would be logged in a server in memory")
	case key == "":
		s, err = demo(ctx, o)
	case flag.NArg() == 0:
		flag.Usage()
		os.Exit(2)
	default:
		s, err = run(ctx, *file, flag.Args(), o)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "messages:", err)
		os.Exit(1)
	}
	os.Exit(s.status())
}

func run(ctx context.Context, file string, mailboxes []string, o bulk.MessageOptions) (*summary, error) {
	l, err := ledger.OpenFile(file, ledger.FileOptions{For: "mails as messages"})
	if err != nil {
		return nil, err
	}
	defer l.Close()
	client, err := growthgenius.NewClientFromEnv(growthgenius.WithLedger(l))
	if err != nil {
		return nil, err
	}
	s, err := log(ctx, client, read(mailboxes), o)
	if errors.Is(err, context.Canceled) {
		return nil, fmt.Errorf("interrupted: to go on, run the same command again (the ledger %s has what is logged)", file)
	}
	return s, err
}

// log logs mails, and prints what is remarkable, and a summary.
func log(ctx context.Context, client *growthgenius.Client, mails iter.Seq2[*mailbox.Mail, error], o bulk.MessageOptions) (*summary, error) {
	s := &summary{counts: map[bulk.Outcome]int{}, strangers: map[string]int{}}
	for _, err := range mails { // so that the progress can tell how long the rest takes
		if ctx.Err() != nil {
			break
		}
		if err == nil {
			o.Mails++
		}
	}
	job := bulk.LogMessages(ctx, client, mails, o)
	p := startProgress(os.Stderr, isTerminal(os.Stderr), job.Progress)
	var failure error
	for result, err := range job.Results() {
		if failure = err; err == nil && s.add(result) {
			p.print(result)
		}
	}
	p.end()
	s.print(o.DryRun)
	return s, failure
}

// read returns the mails of several mailboxes.
func read(mailboxes []string) iter.Seq2[*mailbox.Mail, error] {
	return func(yield func(*mailbox.Mail, error) bool) {
		for _, path := range mailboxes {
			for m, err := range mailbox.Read(strings.TrimSuffix(path, "/")) {
				if !yield(m, err) {
					return
				}
			}
		}
	}
}
