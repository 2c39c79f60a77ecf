package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	_ "github.com/jackc/pgx/v5/stdlib"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/growthgenius/growthgenius-go"
)

// open opens the database of a DSN. An empty one means growthgenius.db.
func open(ctx context.Context, dsn string) (*sql.DB, error) {
	driver, name := "pgx", "Postgres" // a DSN may contain a password: do not show it
	switch {
	case isPostgres(dsn):
	case strings.Contains(dsn, "://") && !strings.HasPrefix(dsn, "file:"):
		return nil, errors.New("-dsn must begin with postgres:// or postgresql://, or name an SQLite file")
	default:
		if dsn == "" {
			dsn = "growthgenius.db"
		}
		driver, name = "sqlite", "the SQLite file "+dsn
		separator := "?"
		if strings.Contains(dsn, "?") {
			separator = "&"
		}
		dsn += separator + "_pragma=busy_timeout(10000)" // milliseconds to wait for another run
	}
	db, err := sql.Open(driver, dsn)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", name, err)
	}
	db.SetMaxOpenConns(1) // each connection to :memory: has its own database
	_, err = db.ExecContext(ctx, `CREATE TABLE IF NOT EXISTS growthgenius_sync (
		resource TEXT PRIMARY KEY, user_id TEXT NOT NULL, checkpoint TEXT NOT NULL, version BIGINT NOT NULL)`)
	if err == nil {
		err = addColumns(ctx, db, "growthgenius_sync", [2]string{"columns", "TEXT NOT NULL DEFAULT ''"})
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open %s: %w", name, err), db.Close())
	}
	return db, nil
}

// keyword is how a DSN of keywords and values begins: host=localhost dbname=crm.
var keyword = regexp.MustCompile(`^\s*[a-z_]+\s*=`)

// isPostgres reports whether a DSN is of Postgres. The name of an SQLite file that looks
// like one can be written as ./name=.db.
func isPostgres(dsn string) bool {
	return strings.HasPrefix(dsn, "postgres://") || strings.HasPrefix(dsn, "postgresql://") || keyword.MatchString(dsn)
}

// database is an *sql.DB or an *sql.Tx.
type database interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// addColumns adds the columns that a table does not have. Each is a name and a type.
func addColumns(ctx context.Context, db database, table string, columns ...[2]string) error {
	rows, err := db.QueryContext(ctx, `SELECT * FROM `+table+` LIMIT 0`)
	if err != nil {
		return err
	}
	names, err := rows.Columns()
	if err := errors.Join(err, rows.Err(), rows.Close()); err != nil {
		return err
	}
	for _, c := range columns {
		if slices.Contains(names, c[0]) {
			continue
		}
		if _, err := db.ExecContext(ctx, `ALTER TABLE `+table+` ADD COLUMN `+c[0]+` `+c[1]); err != nil {
			return err
		}
	}
	return nil
}

// isRefusal reports whether the database refuses the values of a row, which says nothing
// of other rows.
func isRefusal(err error) bool {
	if e, ok := errors.AsType[*pgconn.PgError](err); ok {
		class := e.Code[:min(2, len(e.Code))]
		return class == "22" || class == "23" || class == "54" // data, constraints, limits
	}
	if e, ok := errors.AsType[*sqlite.Error](err); ok {
		code := e.Code() & 0xff
		return code == sqlite3.SQLITE_CONSTRAINT || code == sqlite3.SQLITE_MISMATCH || code == sqlite3.SQLITE_TOOBIG
	}
	return false
}

// sqlValue returns the value of a column as both databases accept it, and nil for nothing.
// The error says why it is nil for something.
func sqlValue(v any) (any, error) {
	switch v := v.(type) {
	case string:
		return text(v), nil
	case growthgenius.ID:
		return text(string(v)), nil
	case time.Time:
		return instant(v)
	default:
		return nil, fmt.Errorf("a column cannot have the type %T", v)
	}
}

// text returns nil for an empty string. Postgres accepts neither NUL characters nor
// invalid UTF-8; the JSON of a record contains NUL characters as escapes.
func text(s string) any {
	if s == "" {
		return nil
	}
	return strings.ToValidUTF8(strings.ReplaceAll(s, "\x00", ""), "\uFFFD")
}

// instant returns nil for the zero time, and otherwise text that both databases sort by
// time.
func instant(t time.Time) (any, error) {
	utc := t.UTC()
	switch {
	case t.IsZero():
		return nil, nil //nolint:nilnil // NULL
	case utc.Year() < 1 || utc.Year() > 9999:
		return nil, fmt.Errorf("%s is not in the years 1 to 9999 of UTC", t.Format(time.RFC3339))
	}
	return utc.Format("2006-01-02T15:04:05.000000Z"), nil
}
