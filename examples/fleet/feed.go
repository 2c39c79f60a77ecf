package main

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"time"

	"github.com/riverqueue/river"

	"github.com/growthgenius/growthgenius-go"
)

// feeder reads which contacts have changed, stores them as rows, and inserts a job for each
// change that leaves blanks. Rows, jobs and checkpoint are stored in one transaction, so that a
// change becomes exactly one job.
//
// Each process has a feeder. One of them reads: the one that holds a key of the ledger. If its
// process dies, another one takes over as soon as the lease on the key has ended.
type feeder[T any] struct {
	db         *database[T]
	client     *growthgenius.Client
	jobs       *river.Client[T]
	every, lag time.Duration
}

// run reads until the context ends.
func (f *feeder[T]) run(ctx context.Context, failed func(error)) {
	for ctx.Err() == nil {
		if err := f.lead(ctx); err != nil && ctx.Err() == nil {
			failed(err)
			sleep(ctx, f.every)
		}
	}
}

// lead waits until this feeder is the one that reads, and reads until it is not any more.
func (f *feeder[T]) lead(ctx context.Context) error {
	lease, err := f.client.Ledger().Acquire(ctx, "feed/contacts")
	if err != nil {
		return err
	}
	defer func() { _ = lease.Release(ctx) }() // else it runs out
	for ctx.Err() == nil && time.Now().Before(lease.Until()) {
		if err := f.read(ctx); err != nil {
			return err
		}
		sleep(ctx, f.every)
	}
	return nil
}

// read stores what has changed since the last time.
func (f *feeder[T]) read(ctx context.Context) error {
	var version, number int64
	var checkpoint, since string
	err := f.db.sql.QueryRowContext(ctx, `UPDATE fleet_reads SET begun = begun + 1 WHERE resource = 'contacts' RETURNING begun`).Scan(&number)
	if err != nil {
		return err
	}
	begun := time.Now()
	err = f.db.sql.QueryRowContext(ctx, `SELECT version, checkpoint, since FROM fleet_feed WHERE resource = 'contacts'`).
		Scan(&version, &checkpoint, &since)
	if err != nil {
		return err
	}
	from, err := time.Parse(time.RFC3339Nano, checkpoint)
	if err != nil {
		return err
	}
	for window, err := range f.client.Contacts.Changes(growthgenius.ChangeOptions{Since: from, Lag: f.lag}).Windows(ctx) {
		if err != nil {
			return err
		}
		err := f.db.atomically(ctx, func(tx *transaction[T]) error {
			n, err := tx.exec(ctx, `UPDATE fleet_feed SET version = version + 1, checkpoint = $1 WHERE resource = 'contacts' AND version = $2`,
				sortable(window.Checkpoint), version)
			if err != nil {
				return err
			}
			if n != 1 {
				return errors.New("another process has read the feed meanwhile")
			}
			return f.store(ctx, tx, window.Items, since)
		})
		if err != nil {
			return err
		}
		version++
		from = window.Checkpoint
	}
	// The feed ends its lag and a second before the time of a response, which is in whole seconds.
	latest := from.Add(f.lag + 2*time.Second + time.Since(begun))
	_, err = f.db.sql.ExecContext(ctx, `UPDATE fleet_reads SET whole = $1, latest = $2 WHERE resource = 'contacts' AND whole < $1`,
		number, sortable(latest))
	return err
}

// store stores contacts as rows, and inserts the jobs of those that are new or have changed.
func (f *feeder[T]) store(ctx context.Context, tx *transaction[T], contacts []*growthgenius.Contact, since string) error {
	var jobs []river.InsertManyParams
	for _, c := range contacts {
		record, err := json.Marshal(c)
		if err != nil {
			return err
		}
		// A list may show something older than the last one did, or the same again.
		changed, err := tx.exec(ctx, `INSERT INTO fleet_contacts (id, email, updated_at, record) VALUES ($1, $2, $3, $4)
			ON CONFLICT (id) DO UPDATE SET email = excluded.email, updated_at = excluded.updated_at, record = excluded.record
			WHERE excluded.updated_at > fleet_contacts.updated_at
				OR excluded.updated_at = fleet_contacts.updated_at AND excluded.record <> fleet_contacts.record`,
			string(c.ID), key(c.Email), sortable(c.UpdatedAt), string(record))
		if err != nil {
			return err
		}
		if changed == 1 && hasBlanks(c) && sortable(c.CreatedAt) >= since {
			jobs = append(jobs, river.InsertManyParams{Args: enrichContact{c.ID, c.UpdatedAt}})
		}
	}
	if len(jobs) == 0 {
		return nil
	}
	_, err := f.jobs.InsertManyTx(ctx, tx.raw, jobs)
	return err
}

// begin stores where the feed begins, unless a process has done so before. Contacts that were
// created before are not looked up.
func (f *feeder[T]) begin(ctx context.Context, since time.Time) error {
	_, err := f.db.sql.ExecContext(ctx, `INSERT INTO fleet_feed (resource, version, checkpoint, since)
		VALUES ('contacts', 0, '1970-01-01T00:00:00Z', $1) ON CONFLICT (resource) DO NOTHING`, sortable(since))
	if err != nil {
		return err
	}
	_, err = f.db.sql.ExecContext(ctx, `INSERT INTO fleet_reads (resource, begun, whole, latest)
		VALUES ('contacts', 0, 0, '') ON CONFLICT (resource) DO NOTHING`)
	return err
}

// key returns an address as it is looked for. Postgres accepts no NUL characters.
func key(address string) string {
	return strings.ToLower(strings.ReplaceAll(strings.TrimSpace(address), "\x00", ""))
}

// sortable returns a time as text that sorts as times do.
func sortable(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000000000Z") }

// sleep waits for a time, or until the context ends.
func sleep(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
