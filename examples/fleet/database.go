package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/riverqueue/river/riverdriver"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/riverdriver/riversqlite"
	"github.com/riverqueue/river/rivermigrate"
	_ "modernc.org/sqlite"

	"github.com/growthgenius/growthgenius-go/sqlstore"
)

// database is what all processes of the fleet share. T is a transaction of River's driver.
type database[T any] struct {
	driver  riverdriver.Driver[T]
	sql     *sql.DB
	dialect sqlstore.Dialect
	begin   func(context.Context) (*transaction[T], error)
	close   func() error
}

// transaction is a transaction in which rows and jobs are stored.
type transaction[T any] struct {
	raw      T
	exec     func(ctx context.Context, query string, args ...any) (rows int64, err error)
	commit   func(context.Context) error
	rollback func(context.Context) error
}

// keyword is how a DSN of keywords and values begins: host=localhost dbname=crm.
var keyword = regexp.MustCompile(`^\s*[a-z_]+\s*=`)

func isPostgres(dsn string) bool {
	return strings.HasPrefix(dsn, "postgres://") || strings.HasPrefix(dsn, "postgresql://") || keyword.MatchString(dsn)
}

// openPostgres opens a database. If schema is not empty, it creates that schema, and close
// drops it.
func openPostgres(ctx context.Context, dsn, schema string, connections int) (*database[pgx.Tx], error) {
	config, err := pgxpool.ParseConfig(dsn)
	if err != nil {
		return nil, fmt.Errorf("-dsn: %w", err)
	}
	config.MaxConns = int32(connections) //nolint:gosec // some dozens
	config.ConnConfig.ConnectTimeout = 5 * time.Second
	config.ConnConfig.RuntimeParams["application_name"] = "fleet" // in pg_stat_activity
	if schema != "" {
		config.ConnConfig.RuntimeParams["search_path"] = schema
	}
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, err
	}
	db := &database[pgx.Tx]{driver: riverpgxv5.New(pool), sql: stdlib.OpenDBFromPool(pool), dialect: sqlstore.Postgres}
	db.begin = func(ctx context.Context) (*transaction[pgx.Tx], error) {
		tx, err := pool.Begin(ctx)
		if err != nil {
			return nil, err
		}
		return &transaction[pgx.Tx]{tx, func(ctx context.Context, query string, args ...any) (int64, error) {
			tag, err := tx.Exec(ctx, query, args...)
			return tag.RowsAffected(), err
		}, tx.Commit, tx.Rollback}, nil
	}
	db.close = func() (err error) {
		if schema != "" {
			_, err = pool.Exec(context.WithoutCancel(ctx), `DROP SCHEMA `+schema+` CASCADE`)
		}
		err = errors.Join(err, db.sql.Close())
		pool.Close()
		return err
	}
	if schema != "" {
		_, err = pool.Exec(ctx, `CREATE SCHEMA `+schema)
	}
	if err == nil {
		err = db.migrate(ctx)
	}
	if err != nil {
		return nil, errors.Join(err, db.close())
	}
	return db, nil
}

// openSQLite opens a file, or :memory:.
func openSQLite(ctx context.Context, file string) (*database[*sql.Tx], error) {
	pool, err := sql.Open("sqlite", file+"?_pragma=journal_mode(WAL)&_pragma=busy_timeout(10000)&_txlock=immediate")
	if err != nil {
		return nil, err
	}
	pool.SetMaxOpenConns(1) // as River's driver wants it; each connection to :memory: has its own database
	db := &database[*sql.Tx]{driver: riversqlite.New(pool), sql: pool, dialect: sqlstore.SQLite, close: pool.Close}
	db.begin = func(ctx context.Context) (*transaction[*sql.Tx], error) {
		tx, err := pool.BeginTx(ctx, nil)
		if err != nil {
			return nil, err
		}
		return &transaction[*sql.Tx]{tx, func(ctx context.Context, query string, args ...any) (int64, error) {
			result, err := tx.ExecContext(ctx, query, args...)
			if err != nil {
				return 0, err
			}
			return result.RowsAffected()
		}, func(context.Context) error { return tx.Commit() }, func(context.Context) error { return tx.Rollback() }}, nil
	}
	if err := db.migrate(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("open the SQLite file %s: %w", file, err), db.close())
	}
	return db, nil
}

// migrate creates the tables that do not exist yet. Several processes may do so at once: those of
// River then fail in all of them but one, and are there at the next try.
func (db *database[T]) migrate(ctx context.Context) (err error) {
	for range 5 {
		if err = db.migrateOnce(ctx); err == nil {
			return nil
		}
		sleep(ctx, 300*time.Millisecond)
	}
	return err
}

func (db *database[T]) migrateOnce(ctx context.Context) error {
	migrator, err := rivermigrate.New(db.driver, nil)
	if err != nil {
		return err
	}
	if _, err := migrator.Migrate(ctx, rivermigrate.DirectionUp, nil); err != nil {
		return err
	}
	if err := sqlstore.New(db.sql, db.dialect).Migrate(ctx); err != nil {
		return err
	}
	for _, table := range []string{
		`CREATE TABLE IF NOT EXISTS fleet_feed (resource TEXT PRIMARY KEY, version BIGINT NOT NULL, checkpoint TEXT NOT NULL, since TEXT NOT NULL)`,
		`CREATE TABLE IF NOT EXISTS fleet_reads (resource TEXT PRIMARY KEY, begun BIGINT NOT NULL, whole BIGINT NOT NULL, latest TEXT NOT NULL)`,
		`CREATE TABLE IF NOT EXISTS fleet_contacts (id TEXT PRIMARY KEY, email TEXT NOT NULL, updated_at TEXT NOT NULL, record TEXT NOT NULL)`,
		`CREATE INDEX IF NOT EXISTS fleet_contacts_email ON fleet_contacts (email)`,
	} {
		if _, err := db.sql.ExecContext(ctx, table); err != nil {
			return err
		}
	}
	return nil
}

// atomically runs store in a transaction.
func (db *database[T]) atomically(ctx context.Context, store func(*transaction[T]) error) error {
	tx, err := db.begin(ctx)
	if err != nil {
		return err
	}
	if err := store(tx); err != nil {
		return errors.Join(err, tx.rollback(context.WithoutCancel(ctx)))
	}
	return tx.commit(ctx)
}

// left returns how many jobs have not ended yet.
func (db *database[T]) left(ctx context.Context) (open int, err error) {
	p, err := db.progress(ctx)
	return p.open, err
}
