// Command growthgenius-server runs the server of package growthgeniustest as a process, so that
// programs in any language, and several processes at a time, can be tried against it. It prints
// the environment variables that the SDK reads:
//
//	growthgenius-server -faults 0.3 -search-lag 2s >server.env &
//	. ./server.env
//
// A second port has what was really created, and changes how the server misbehaves:
//
//	curl $GROWTHGENIUS_ADMIN_URL/counts
//	curl $GROWTHGENIUS_ADMIN_URL/ledger      # a JSON object for each create
//	curl -X PUT "$GROWTHGENIUS_ADMIN_URL/faults?share=0.1&late=3s"
//	curl -X PUT "$GROWTHGENIUS_ADMIN_URL/rate?per_second=50&burst=5&retry_after=1s"
//
// All state is in memory, and ends with the process.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/growthgenius/growthgenius-go"
	"github.com/growthgenius/growthgenius-go/growthgeniustest"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	switch {
	case errors.Is(err, flag.ErrHelp):
	case err != nil:
		fmt.Fprintln(os.Stderr, "growthgenius-server:", err)
		os.Exit(1)
	}
}

// flags are the settings of a run.
type flags struct {
	addr, admin, key, shapes   string
	contacts, listCap          int
	listLag, searchLag         time.Duration
	latency, skew, recordsSkew time.Duration
	misbehavior
}

func (f *flags) parse(args []string, errs io.Writer) error {
	set := flag.NewFlagSet("growthgenius-server", flag.ContinueOnError)
	set.SetOutput(errs)
	set.StringVar(&f.addr, "addr", "127.0.0.1:4010", "listen on this `address`; port 0 is any free one")
	set.StringVar(&f.admin, "admin", "127.0.0.1:4011", "serve the ledger on this `address`; empty for not at all")
	set.StringVar(&f.key, "key", "growthgeniustest-key", "the API `key` that clients send")
	set.IntVar(&f.contacts, "contacts", 0, "begin with this `number` of made-up contacts")
	set.Float64Var(&f.share, "faults", 0, "the `share` of requests that fail, from 0 to 1: lost responses, resets, 429, 5xx and more")
	set.DurationVar(&f.late, "late", 0, "carry out what such a fault hides this much later")
	set.Float64Var(&f.perSecond, "rate", 0, "accept this many requests a `second`, and respond to others with 429; 0 for no limit")
	set.IntVar(&f.burst, "burst", 1, "accept this many requests at once, with -rate")
	set.DurationVar(&f.retryAfter, "retry-after", time.Second, "the Retry-After of responses with 429, in whole seconds; 0 for none")
	set.DurationVar(&f.latency, "latency", 0, "take this long for each response")
	set.DurationVar(&f.listLag, "list-lag", 0, "show creates and updates in lists only after this time")
	set.DurationVar(&f.searchLag, "search-lag", 0, "show creates and updates in searches only after this time")
	set.IntVar(&f.listCap, "list-cap", 0, "cut lists to this `number` of records without saying so; 0 for no cap")
	set.DurationVar(&f.skew, "skew", 0, "how far the server's clock is ahead")
	set.DurationVar(&f.recordsSkew, "record-skew", 0, "how far the clock that stamps records is ahead of that")
	set.StringVar(&f.shapes, "shapes", "", "responses of other shapes than the documented ones, separated by commas: "+strings.Join(shapeNames(), ", "))
	if err := set.Parse(args); err != nil {
		return err
	}
	if set.NArg() > 0 {
		return fmt.Errorf("unexpected argument %q: all settings are flags", set.Arg(0))
	}
	return nil
}

// shapes are the options that change the shape of responses, by name.
var shapes = map[string]growthgeniustest.ServerOption{
	"bare-company":         growthgeniustest.WithBareCompany(),
	"canonical-ids":        growthgeniustest.WithCanonicalIDs(),
	"email-normalization":  growthgeniustest.WithEmailNormalization(),
	"exclusive-bounds":     growthgeniustest.WithExclusiveBounds(),
	"flat-search":          growthgeniustest.WithFlatSearchItems(),
	"full-search":          growthgeniustest.WithFullSearchRecords(),
	"integer-search-ids":   growthgeniustest.WithIntegerSearchIDs(),
	"keyed-lists":          growthgeniustest.WithKeyedLists(),
	"no-content-on-delete": growthgeniustest.WithNoContentOnDelete(),
	"no-date":              growthgeniustest.WithNoDate(),
	"plural":               growthgeniustest.WithPluralEnvelopes(),
	"single-user":          growthgeniustest.WithSingleUser(),
	"singular":             growthgeniustest.WithSingularEnvelopes(),
	"text-ids":             growthgeniustest.WithTextIDs(),
	"unresolvable-search":  growthgeniustest.WithUnresolvableSearchIDs(),
	"wrapped-lists":        growthgeniustest.WithWrappedListItems(),
}

func (f *flags) options() ([]growthgeniustest.ServerOption, error) {
	opts := []growthgeniustest.ServerOption{
		growthgeniustest.WithAddr(f.addr), growthgeniustest.WithAPIKey(f.key), growthgeniustest.WithoutRecording(),
		growthgeniustest.WithListLag(f.listLag), growthgeniustest.WithSearchLag(f.searchLag), growthgeniustest.WithListCap(f.listCap),
		growthgeniustest.WithClockSkew(f.skew), growthgeniustest.WithRecordSkew(f.recordsSkew),
	}
	for name := range strings.SplitSeq(f.shapes, ",") {
		if name = strings.TrimSpace(name); name == "" {
			continue
		}
		opt, ok := shapes[name]
		if !ok {
			return nil, fmt.Errorf("-shapes: there is no shape %q; there are %s", name, strings.Join(shapeNames(), ", "))
		}
		opts = append(opts, opt)
	}
	return opts, f.check()
}

// run serves until the context ends.
func run(ctx context.Context, args []string, out, errs io.Writer) error {
	var f flags
	if err := f.parse(args, errs); err != nil {
		return err
	}
	opts, err := f.options()
	if err != nil {
		return err
	}
	srv, err := growthgeniustest.Start(opts...)
	if err != nil {
		return err
	}
	defer srv.Close()
	srv.AddContacts(madeUp(f.contacts)...)
	a := &admin{srv: srv, latency: f.latency, misbehavior: f.misbehavior}
	a.apply()

	fmt.Fprintf(out, "export GROWTHGENIUS_BASE_URL=%s\nexport GROWTHGENIUS_API_KEY=%s\nexport GROWTHGENIUS_USER_ID=%s\n",
		srv.URL(), srv.APIKey(), srv.Users()[0].ID)
	if f.admin != "" {
		ln, err := (&net.ListenConfig{}).Listen(ctx, "tcp", f.admin)
		if err != nil {
			return fmt.Errorf("-admin: %w", err)
		}
		server := &http.Server{Handler: a.handler(), ReadHeaderTimeout: time.Minute}
		defer server.Close()
		go func() { _ = server.Serve(ln) }()
		fmt.Fprintf(out, "export GROWTHGENIUS_ADMIN_URL=http://%s\n", ln.Addr())
	}
	<-ctx.Done()
	srv.Close()
	c := a.counts()
	fmt.Fprintf(errs, "%d contacts and %d messages were created; %d and %d are stored\n",
		c.CreatedContacts, c.CreatedMessages, c.Contacts, c.Messages)
	return nil
}

// madeUp returns contacts that do not exist.
func madeUp(n int) []growthgenius.Contact {
	contacts := make([]growthgenius.Contact, n)
	for i := range contacts {
		first, last := firstNames[i%len(firstNames)], lastNames[i/len(firstNames)%len(lastNames)]
		contacts[i] = growthgenius.Contact{
			FirstName: first, LastName: last, FullName: first + " " + last,
			Email:       fmt.Sprintf("%s.%s%d@example.com", strings.ToLower(first), strings.ToLower(last), i),
			CompanyName: fmt.Sprint("Example ", i%97, " Ltd"),
		}
	}
	return contacts
}

var (
	firstNames = []string{"Ada", "Blaise", "Chien", "Dorothy", "Emmy", "Frances", "Grace", "Hedy", "Ida", "Joan", "Katherine"}
	lastNames  = []string{"Abbot", "Byron", "Curie", "Dupont", "Engel", "Fischer", "Garcia", "Hopper", "Ito", "Jensen", "Kim", "Lima", "Moreau"}
)
