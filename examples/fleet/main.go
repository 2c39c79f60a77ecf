// Fleet is workers on River, in one process or in many, that share one budget of requests, one
// ledger and one cache. They look up what new contacts lack, import the rows of a CSV file, and
// log mails as messages: each once, whatever fails.
//
//	go run .                                        # a server and a database in memory, 4 workers
//	go run . -dsn postgres://me@localhost/crm       # keep the password in ~/.pgpass
//	go run . -dsn crm.db                            # SQLite, for processes of one machine
//	go run . -dsn ... -redis localhost:6379         # rate and cache in Redis, the ledger stays
//	go run . -dsn ... -import leads.csv -mails Sent.mbox
//
// Start it as often as you like with the same -dsn, also on other machines. A change feed reads
// which contacts are new or have changed, and inserts the jobs of those that lack something in
// the transaction that stores them: one process reads, and another one takes over if it dies.
//
// Ctrl-C or SIGTERM ends it gracefully: the jobs that run may end within -timeout, and then they
// are interrupted. It may be killed at any time as well: the jobs that it ran are run again, and
// find what is done already.
//
// On a terminal, standard error has a table of what each worker does, and otherwise a line every
// 5 seconds. With -listen it serves /healthz and, for Prometheus, /metrics: those of jobs, and
// those that growthgeniusotel makes of the calls.
//
// The exit status is
//
//	0  it has ended as it was asked to
//	1  it failed, or was interrupted before all was done that -drain waits for
//	2  a flag is wrong
//	3  jobs were given up: River's tables say why
//
// If GROWTHGENIUS_API_KEY and GROWTHGENIUS_USER_ID are set, it uses the real API. Otherwise it
// uses a server in memory, over real HTTP, and ends when all is done: in Postgres it creates a
// schema for that, and drops it. To try several processes against one server, run
// growthgeniustest/cmd/growthgenius-server.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/redis/go-redis/v9"
	"golang.org/x/term"

	"github.com/growthgenius/growthgenius-go"
)

// options are what the flags say.
type options struct {
	dsn, redis, listen, name string
	rows, mails              string
	workers, concurrency     int
	rate                     float64
	burst                    int
	timeout, settle          time.Duration
	feedEvery, feedLag       time.Duration
	since                    time.Time
	drain                    bool

	prefix string // of the keys in Redis
	demo   bool
}

func main() {
	o := options{prefix: "growthgenius:", since: time.Now()}
	flag.StringVar(&o.dsn, "dsn", "", "postgres://..., host=... dbname=..., or the name of an SQLite `file` (default fleet.db)")
	flag.StringVar(&o.redis, "redis", "", "share the rate and the cache in the Redis at this `address`, instead of in the database")
	flag.StringVar(&o.listen, "listen", "", "serve /healthz and /metrics on this `address`")
	flag.StringVar(&o.name, "name", "", "the `name` of this process, which no other one may have at the same time (default the host and the process id)")
	flag.StringVar(&o.rows, "import", "", "insert a job for each row of this CSV `file`: not again within a day, but later on, when it may overwrite newer values")
	flag.StringVar(&o.mails, "mails", "", "insert a job for each recipient of each mail of this mbox `file` or Maildir; it waits an hour for a contact with the address, and is then given up")
	flag.IntVar(&o.workers, "workers", 1, "how many workers this process has: one is enough, but to try things out")
	flag.IntVar(&o.concurrency, "concurrency", 8, "how many jobs each works at a time")
	flag.Float64Var(&o.rate, "rate", 0, "how many requests a second all processes may send together; 0 to find out")
	flag.IntVar(&o.burst, "burst", 0, "how many of them at once, with -rate (default 1)")
	flag.DurationVar(&o.timeout, "timeout", 15*time.Second, "how long the API may take to respond to a request")
	flag.DurationVar(&o.settle, "settle", 5*time.Second, "how long the API may take to show a new record in its lists")
	flag.DurationVar(&o.feedEvery, "every", 10*time.Second, "how often to read the changes")
	flag.DurationVar(&o.feedLag, "lag", time.Minute, "how long the API may take to show a change in its lists")
	flag.Func("since", "look up contacts that were created since this `time`, as 2026-01-31T00:00:00Z (default when the database was first used)",
		func(text string) (err error) { o.since, err = time.Parse(time.RFC3339, text); return err })
	flag.BoolVar(&o.drain, "drain", false, "end when all jobs are done, and the feed has nothing more")
	flag.Parse()
	if flag.NArg() > 0 || o.workers < 1 || o.concurrency < 1 || o.rate < 0 || o.feedLag <= 0 {
		flag.Usage()
		os.Exit(2)
	}
	asked, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	ctx, end := context.WithCancel(context.Background())
	context.AfterFunc(asked, func() {
		stop() // so that a second Ctrl-C ends the program at once
		end()
	})
	err := run(ctx, o)
	switch {
	case errors.Is(err, errGivenUp):
		fmt.Fprintln(os.Stderr, "fleet:", err)
		os.Exit(3)
	case err != nil:
		fmt.Fprintln(os.Stderr, "fleet:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o options) (err error) {
	api := newClient(growthgenius.NewClientFromEnv)
	insert := func(ctx context.Context, to inserter) error { return insertFiles(ctx, to, o) }
	schema := ""
	if os.Getenv("GROWTHGENIUS_API_KEY") == "" {
		if o.rows != "" || o.mails != "" {
			return errors.New("GROWTHGENIUS_API_KEY is not set: the jobs would be done in a server in memory")
		}
		d, err := startDemo()
		if err != nil {
			return err
		}
		defer d.Close()
		api = func(opts ...growthgenius.Option) (*growthgenius.Client, error) { return d.Client(opts...), nil }
		insert = d.insert
		schema = fmt.Sprintf("fleet_demo_%d", time.Now().UnixNano())
		o = o.forDemo(schema)
		fmt.Println("GROWTHGENIUS_API_KEY is not set: this is a server in memory. It accepts 60 requests a second, " +
			"which the workers have to find out, and one in five fails.")
		defer func() {
			if err == nil {
				err = d.check()
			}
		}()
	}
	var cache redis.UniversalClient
	if o.redis != "" {
		cache = redis.NewClient(&redis.Options{Addr: o.redis})
		defer cache.Close()
	}
	s := &screen{out: os.Stderr, terminal: term.IsTerminal(int(os.Stderr.Fd()))}
	if isPostgres(o.dsn) {
		// Each worker has a connection for River's notices, and one for what its jobs store.
		db, err := openPostgres(ctx, o.dsn, schema, o.workers*(2+o.concurrency/2)+2)
		if err != nil {
			return err
		}
		return errors.Join(runFleet(ctx, db, cache, o, api, insert, s), db.close())
	}
	db, err := openSQLite(ctx, o.dsn)
	if err != nil {
		return err
	}
	return errors.Join(runFleet(ctx, db, cache, o, api, insert, s), db.close())
}
