// Package sqlstore stores in an SQL database what the processes of a fleet share: a ledger of
// creates under a key, a cache of lookups, and a limiter.
//
// It works with SQLite from version 3.35 on, and with Postgres from version 11 on. The program
// brings the driver: for example modernc.org/sqlite or github.com/jackc/pgx/v5/stdlib.
//
// # Tables and rights
//
// [Store.Migrate] creates the tables, whose names begin with "growthgenius_": in Postgres in the
// first schema of the search_path. It needs the right to create tables there, also if they exist.
// All else needs SELECT, INSERT, UPDATE and DELETE on them.
//
// The ledger stores the keys of the caller and what was sent to create records, and the cache
// stores what lookups returned: both are personal data. Neither stores the API key.
//
// # SQLite
//
// All processes must be on one machine, and the file on a local disk: network file systems do
// not lock files reliably. Set journal_mode to WAL, so that readers do not wait for writers.
// Leave synchronous at FULL: with NORMAL, a power failure undoes what was recorded last, and a
// create may be sent again. The writers of one process wait for each other in the Store. While
// another process writes, a statement is tried again for up to 10 seconds, or until its context
// ends, so that no busy_timeout is needed. The Store begins no transactions: _txlock does not
// matter to it.
//
// # Postgres
//
// All statements must reach the primary: a replica that lags does not know yet what was
// created. Leave synchronous_commit on. PgBouncer may pool transactions: before its version
// 1.21, pgx needs default_query_exec_mode=exec for that. A key may have 2,600 bytes at most.
//
// # Backups
//
// A database that was restored from a backup, or a standby that took over without the last
// writes, does not know what was created since. A create under such a key is sent again. If
// that must not happen, stop all processes, and record those keys from the API's lists first.
package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"
)

// Dialect is the SQL of a database.
type Dialect string

// Dialects.
const (
	SQLite   Dialect = "SQLite"
	Postgres Dialect = "Postgres"
)

// Store is what the processes that use one database share. It is safe for concurrent use, and
// it does not close the database.
type Store struct {
	db      *sql.DB
	dialect Dialect
	words   *strings.Replacer
	writing chan struct{} // of SQLite, has a value while a statement writes
}

// New returns a store in a database. It sends nothing: see [Store.Migrate].
func New(db *sql.DB, d Dialect) *Store {
	s := &Store{db: db, dialect: d, words: words[d]}
	if d == SQLite {
		s.writing = make(chan struct{}, 1)
	}
	return s
}

// words has what differs between the dialects, as statements name it: the clock in
// milliseconds and in microseconds, and a condition of a statement that may be lost if the
// server crashes.
var words = map[Dialect]*strings.Replacer{
	SQLite: strings.NewReplacer("{blob}", "BLOB", "$", "?",
		"{now}", "CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)",
		"{micros}", "CAST((julianday('now') - 2440587.5) * 86400000000 AS INTEGER)",
		"{lazy}", "1 = 1"),
	Postgres: strings.NewReplacer("{blob}", "BYTEA",
		"{now}", "CAST(extract(epoch FROM clock_timestamp()) * 1000 AS BIGINT)",
		"{micros}", "CAST(extract(epoch FROM clock_timestamp()) * 1000000 AS BIGINT)",
		"{lazy}", "set_config('synchronous_commit', 'off', true) IS NOT NULL"),
}

// tables creates the tables. Later versions append statements, and change none.
var tables = []string{createLedger, createCache, createLimiter}

// migrateLock is the key of the advisory lock that Migrate takes in Postgres.
const migrateLock = 7165391042

// Migrate creates the tables that do not exist yet. Any number of processes may call it at a
// time, each time they start.
func (s *Store) Migrate(ctx context.Context) error {
	var err error
	if s.dialect == Postgres {
		err = s.migratePostgres(ctx)
	} else {
		for _, statement := range tables {
			if _, err = s.exec(ctx, statement); err != nil {
				break
			}
		}
	}
	if err != nil {
		return fmt.Errorf("sqlstore: creating the tables: %w", err)
	}
	return nil
}

// migratePostgres creates the tables in one transaction, under a lock: two that create one
// table at a time fail, even if they create it if it does not exist.
func (s *Store) migratePostgres(ctx context.Context) error {
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // it does nothing after Commit
	if _, err := tx.ExecContext(ctx, "SELECT pg_advisory_xact_lock($1)", int64(migrateLock)); err != nil {
		return err
	}
	for _, statement := range tables {
		if _, err := tx.ExecContext(ctx, s.words.Replace(statement)); err != nil {
			return err
		}
	}
	return tx.Commit()
}

// exec executes a statement, and returns how many rows it changed.
func (s *Store) exec(ctx context.Context, statement string, args ...any) (n int64, err error) {
	err = s.try(ctx, true, func() error {
		result, err := s.db.ExecContext(ctx, s.words.Replace(statement), args...)
		if err != nil {
			return err
		}
		n, err = result.RowsAffected()
		return err
	})
	return n, err
}

// query executes a statement, and returns what scan makes of each row. It reads all rows: what
// a statement changes counts only after the last one.
func query[T any](ctx context.Context, s *Store, scan func(*sql.Rows) (T, error), statement string, args ...any) (found []T, err error) {
	writes := !strings.HasPrefix(statement, "SELECT")
	err = s.try(ctx, writes, func() error {
		found = nil
		rows, err := s.db.QueryContext(ctx, s.words.Replace(statement), args...)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			v, err := scan(rows)
			if err != nil {
				return err
			}
			found = append(found, v)
		}
		return rows.Err()
	})
	return found, err
}

// scan reads a row of one column.
func scan[T any](rows *sql.Rows) (v T, err error) {
	err = rows.Scan(&v)
	return v, err
}

// Waits for what is in the way of a statement.
const (
	maxWait   = 10 * time.Second
	firstWait = time.Millisecond
	lastWait  = 50 * time.Millisecond
)

// try calls f, again and again as long as the database did nothing because of what other
// transactions do. SQLite has one writer at a time, and does not wake those that wait: the
// writers of this process wait for each other here.
func (s *Store) try(ctx context.Context, writes bool, f func() error) error {
	if s.words == nil {
		return fmt.Errorf("%q is not a valid Dialect", string(s.dialect))
	}
	if writes && s.writing != nil {
		select {
		case s.writing <- struct{}{}:
			defer func() { <-s.writing }()
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	begun := time.Now()
	for wait := firstWait; ; wait = min(2*wait, lastWait) {
		err := f()
		switch {
		case err == nil:
			return nil
		case missing(err):
			return fmt.Errorf("%w: call Store.Migrate first, which creates the tables", err)
		case !transient(err) || time.Since(begun) > maxWait:
			return err
		}
		timer := time.NewTimer(wait/2 + rand.N(wait)) //nolint:gosec // jitter needs no secrecy
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return fmt.Errorf("%w: %w", ctx.Err(), err)
		}
	}
}

// transient reports whether the database has undone a statement because of other ones: a
// serialization failure or a deadlock of Postgres, a lock of SQLite.
func transient(err error) bool {
	switch state := sqlState(err); state {
	case "40001", "40P01":
		return true
	case "":
		return strings.Contains(err.Error(), "database is locked") || strings.Contains(err.Error(), "database table is locked")
	}
	return false
}

// missing reports whether an error is that of a table that does not exist.
func missing(err error) bool {
	return sqlState(err) == "42P01" || strings.Contains(err.Error(), "no such table")
}

// unique reports whether an error is that of a unique constraint.
func unique(err error) bool {
	return sqlState(err) == "23505" || strings.Contains(err.Error(), "UNIQUE constraint failed")
}

// sqlState returns the code of an error of Postgres, or "". The drivers have their own types.
func sqlState(err error) string {
	if state, ok := errors.AsType[interface {
		error
		SQLState() string
	}](err); ok {
		return state.SQLState()
	}
	return ""
}
