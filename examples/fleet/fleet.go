package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

// errGivenUp means that jobs were given up.
var errGivenUp = errors.New("jobs were given up")

// forDemo returns the options of the demonstration: short waits, and several workers.
func (o options) forDemo(name string) options {
	o.demo, o.drain, o.name, o.prefix = true, true, "worker", name+":"
	o.workers, o.concurrency = max(o.workers, 4), min(o.concurrency, 4)
	o.timeout, o.settle, o.feedEvery, o.feedLag = time.Second, 500*time.Millisecond, 500*time.Millisecond, 100*time.Millisecond
	o.since = time.Unix(0, 0)
	if !isPostgres(o.dsn) {
		o.dsn = ":memory:"
	}
	return o
}

// runFleet runs the workers of this process until the context ends or, with -drain, all is done.
func runFleet[T any](ctx context.Context, db *database[T], cache redis.UniversalClient, o options, api newClient,
	insert func(context.Context, inserter) error, s *screen,
) error {
	level := slog.LevelWarn
	if o.demo {
		level = slog.LevelError + 1 // it has many failures, which are meant
	}
	log := slog.New(slog.NewTextHandler(s, &slog.HandlerOptions{Level: level}))
	host, _ := os.Hostname()
	name := cmp.Or(o.name, fmt.Sprintf("%s-%d", host, os.Getpid()))
	measured, err := newTelemetry(db.left)
	if err != nil {
		return err
	}
	var members []*member[T]
	for i := range o.workers {
		row := newRow(fmt.Sprintf("%s-%d", name, i+1), measured)
		m, err := newMember(db, cache, o, api, row, log)
		if err != nil {
			return err
		}
		members, s.rows = append(members, m), append(s.rows, row)
	}
	if err := members[0].feeder.begin(ctx, o.since); err != nil {
		return err
	}
	givenUp, err := db.givenUp(ctx)
	if err != nil {
		return err
	}
	if err := insert(ctx, members[0].river); err != nil {
		return err
	}
	s.total = func() string { return total(context.WithoutCancel(ctx), s.rows, db.left) }
	if o.listen != "" {
		healthy := func(request context.Context) error {
			if ctx.Err() != nil {
				return errors.New("it is ending")
			}
			return db.sql.PingContext(request)
		}
		stop, err := serve(ctx, o.listen, healthy, measured.handler)
		if err != nil {
			return err
		}
		defer stop()
	}
	wait := func() error { return db.wait(ctx, givenUp) }
	if !o.drain {
		wait = func() error { <-ctx.Done(); return nil }
	}
	return work(ctx, db, members, wait, s, log)
}

// total returns the line about all workers.
func total(ctx context.Context, rows []*row, left func(context.Context) (int, error)) string {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second) // the end of the program waits for it
	defer cancel()
	done, again, throttled := sum(rows)
	open, err := left(ctx)
	if err != nil {
		open = -1 // not known
	}
	return fmt.Sprintf("%d workers: %d contacts enriched, %d rows imported, %d mails logged, %d jobs again, %d left; %d responses with 429",
		len(rows), done["enrich_contact"], done["import_row"], done["log_message"], again, open, throttled)
}

// work starts the workers, and ends them when wait returns, or at once if one of them cannot start.
func work[T any](ctx context.Context, db *database[T], members []*member[T], wait func() error, s *screen, log *slog.Logger) error {
	s.start()
	defer s.end()
	running, stop := context.WithCancel(ctx)
	defer stop()
	var feeders sync.WaitGroup
	var err error
	started := 0
	for _, m := range members {
		if err = m.start(running, db.driver); err != nil {
			break
		}
		started++
		feeders.Go(func() {
			m.feeder.run(running, func(err error) {
				log.LogAttrs(running, slog.LevelWarn, "fleet: reading the changes", slog.Any("error", err))
			})
		})
	}
	if err == nil {
		err = wait()
	}
	stop() // no new jobs, and no more changes; jobs that run may end within the SoftStopTimeout
	feeders.Wait()
	for _, m := range members[:started] {
		<-m.river.Stopped()
	}
	return err
}
