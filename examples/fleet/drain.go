package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"time"
)

// progress is what the tables say at one moment.
type progress struct {
	open       int    // jobs that have not ended yet
	newest     int64  // the id of the newest job
	begun      int64  // reads of the feed that have begun
	whole      int64  // the number of the last one that has read everything
	latest     string // the server's time when that one began, or somewhat later
	checkpoint string // every change before it has been read
}

func (db *database[T]) progress(ctx context.Context) (p progress, err error) {
	err = db.sql.QueryRowContext(ctx, `SELECT count(*) FILTER (WHERE state NOT IN ('completed', 'cancelled', 'discarded')), coalesce(max(id), 0),
		(SELECT begun FROM fleet_reads WHERE resource = 'contacts'), (SELECT whole FROM fleet_reads WHERE resource = 'contacts'),
		(SELECT latest FROM fleet_reads WHERE resource = 'contacts'), (SELECT checkpoint FROM fleet_feed WHERE resource = 'contacts')
		FROM river_job WHERE queue = $1`, queue).Scan(&p.open, &p.newest, &p.begun, &p.whole, &p.latest, &p.checkpoint)
	return p, err
}

// drain finds out whether all is done: no job is left, and the feed has read what the last ones
// have changed. It compares no two clocks: times are the server's, and the numbers of reads tell
// what came first.
type drain struct {
	idle  *progress // the first one after the last job; nil if jobs are left
	until string    // the server's time when the last job had ended, or somewhat later; "" if not known yet
}

// isDone reports whether all is done. It is called again and again, with what the tables say.
func (d *drain) isDone(now progress) bool {
	switch {
	case now.open > 0:
		d.idle = nil
		return false
	case d.idle == nil || d.idle.newest != now.newest: // a job may have begun and ended in between
		d.idle, d.until = &now, ""
	case d.until == "" && now.whole > d.idle.begun:
		d.until = now.latest
	}
	return d.until != "" && now.checkpoint >= d.until
}

// failure is a job that was given up, and at which attempt.
type failure struct {
	job     int64
	attempt int
}

// givenUp returns which jobs were given up. River keeps them for a week.
func (db *database[T]) givenUp(ctx context.Context) (map[failure]bool, error) {
	rows, err := db.sql.QueryContext(ctx, `SELECT id, attempt FROM river_job WHERE queue = $1 AND state IN ('cancelled', 'discarded')`, queue)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	found := map[failure]bool{}
	for rows.Next() {
		var f failure
		if err := rows.Scan(&f.job, &f.attempt); err != nil {
			return nil, err
		}
		found[f] = true
	}
	return found, rows.Err()
}

// wait waits until all is done. Jobs that had been given up before count for nothing.
func (db *database[T]) wait(ctx context.Context, before map[failure]bool) error {
	for d := (drain{}); ctx.Err() == nil; sleep(ctx, 100*time.Millisecond) {
		now, err := db.progress(ctx)
		if err != nil || !d.isDone(now) { // a database that restarts comes back
			continue
		}
		found, err := db.givenUp(ctx)
		if err != nil {
			continue
		}
		maps.DeleteFunc(found, func(f failure, _ bool) bool { return before[f] })
		if len(found) > 0 {
			return fmt.Errorf("%d of the %w", len(found), errGivenUp)
		}
		return nil
	}
	return errors.New("interrupted: to go on, run it again")
}
