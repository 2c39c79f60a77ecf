// Sync keeps a copy of all contacts and messages in a database, SQLite or Postgres. Run it
// every night: it stores what has changed since it last ran.
//
//	go run .                                    # a server and a database in memory
//	go run . -dsn crm.db                        # SQLite; growthgenius.db without -dsn
//	go run . -dsn postgres://me@localhost/crm   # the password is best in ~/.pgpass
//	go run . -full                              # also finds what was deleted
//
// It may be killed at any time: rows are stored in the same transaction as the checkpoint
// behind them, and a row that comes again replaces itself. Of two runs at once one fails.
// A database is the copy of what one user sees.
//
// The API lists what was created and updated, and never what was deleted. So -full, once
// a week perhaps, reads everything again and takes out the rows that are in no list any
// more and that the API, asked for each, does not find.
//
// It talks to a server in memory, over real HTTP, and then takes no -dsn. With
// GROWTHGENIUS_API_KEY and GROWTHGENIUS_USER_ID set it talks to the real API, and only
// reads.
package main

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"iter"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib"
	_ "modernc.org/sqlite"

	"github.com/growthgenius/growthgenius-go"
)

// schema is SQL that both databases take. A record is whole in its JSON; the columns beside
// it are for queries: add what you need here, and to the upserts below.
var schema = []string{
	`CREATE TABLE IF NOT EXISTS growthgenius_sync (
		resource TEXT PRIMARY KEY, user_id TEXT NOT NULL, checkpoint TEXT NOT NULL, version BIGINT NOT NULL)`,
	`CREATE TABLE IF NOT EXISTS growthgenius_contacts (
		id TEXT PRIMARY KEY CHECK (id <> ''), email TEXT, full_name TEXT, company_name TEXT, stage TEXT,
		updated_at TIMESTAMPTZ, record JSON NOT NULL)`,
	`CREATE TABLE IF NOT EXISTS growthgenius_messages (
		id TEXT PRIMARY KEY CHECK (id <> ''), contact_id TEXT, message_type TEXT,
		sent_at TIMESTAMPTZ, record JSON NOT NULL)`,
}

// service is what a copy needs of client.Contacts, and of client.Messages.
type service[T any] interface {
	Changes(growthgenius.ChangeOptions) *growthgenius.ChangeFeed[T]
	Stream(context.Context, growthgenius.ListOptions, ...growthgenius.RequestOption) iter.Seq2[*T, error]
	Get(context.Context, growthgenius.ID, ...growthgenius.RequestOption) (*T, error)
}

// A table is the copy of one resource.
type table[T any] struct {
	service[T]
	resource string
	version  int64 // grows with each transaction, so that it tells of other runs

	upsert, ids, remove string                            // SQL
	row                 func(*T) (growthgenius.ID, []any) // what upsert takes beside the record
}

func contactsOf(client *growthgenius.Client) *table[growthgenius.Contact] {
	return &table[growthgenius.Contact]{
		service: client.Contacts, resource: "contacts",
		upsert: `INSERT INTO growthgenius_contacts (id, record, email, full_name, company_name, stage, updated_at)
			VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (id) DO UPDATE SET record = excluded.record,
			email = excluded.email, full_name = excluded.full_name, company_name = excluded.company_name,
			stage = excluded.stage, updated_at = excluded.updated_at`,
		ids:    `SELECT id FROM growthgenius_contacts`,
		remove: `DELETE FROM growthgenius_contacts WHERE id = $1`,
		row: func(c *growthgenius.Contact) (growthgenius.ID, []any) {
			return c.ID, []any{text(c.Email), text(c.FullName), text(c.CompanyName), text(c.Stage), instant(c.UpdatedAt)}
		},
	}
}

func messagesOf(client *growthgenius.Client) *table[growthgenius.Message] {
	return &table[growthgenius.Message]{
		service: client.Messages, resource: "messages",
		upsert: `INSERT INTO growthgenius_messages (id, record, contact_id, message_type, sent_at)
			VALUES ($1, $2, $3, $4, $5) ON CONFLICT (id) DO UPDATE SET record = excluded.record,
			contact_id = excluded.contact_id, message_type = excluded.message_type, sent_at = excluded.sent_at`,
		ids:    `SELECT id FROM growthgenius_messages`,
		remove: `DELETE FROM growthgenius_messages WHERE id = $1`,
		row: func(m *growthgenius.Message) (growthgenius.ID, []any) {
			return m.ID, []any{text(string(m.ContactID)), text(m.MessageType), instant(m.SentAt)}
		},
	}
}

// text is NULL where there is none. Postgres takes neither NUL characters nor broken UTF-8;
// the JSON of a record has the former as an escape.
func text(s string) any {
	if s == "" {
		return nil
	}
	return strings.ToValidUTF8(strings.ReplaceAll(s, "\x00", ""), "\uFFFD")
}

// instant is NULL where there is none, and otherwise text that both databases sort by time.
func instant(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UTC().Format("2006-01-02T15:04:05.000000Z")
}

func main() {
	dsn := flag.String("dsn", "", "postgres://..., or an SQLite file (default growthgenius.db)")
	full := flag.Bool("full", false, "then read everything again, and delete the rows of what was deleted")
	flag.Parse()
	if flag.NArg() > 0 {
		flag.Usage()
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, *dsn, *full)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "sync:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, dsn string, full bool) error {
	var client *growthgenius.Client
	switch {
	case os.Getenv("GROWTHGENIUS_API_KEY") != "":
		var err error
		if client, err = growthgenius.NewClientFromEnv(); err != nil {
			return err
		}
	case dsn != "":
		return errors.New("GROWTHGENIUS_API_KEY is not set: a server in memory has nothing for your database")
	default:
		server, err := sample()
		if err != nil {
			return err
		}
		defer server.Close()
		client, dsn = server.Client(), ":memory:"
		fmt.Print("GROWTHGENIUS_API_KEY is not set: this is a server in memory, and so is the database.\n\n")
	}
	user, err := client.Users.Current(ctx)
	if err != nil {
		return err
	}
	db, err := open(ctx, cmp.Or(dsn, "growthgenius.db"))
	if err != nil {
		return err
	}
	defer db.Close()
	if err := contactsOf(client).sync(ctx, db, user.ID, full); err != nil {
		return err
	}
	return messagesOf(client).sync(ctx, db, user.ID, full)
}

func open(ctx context.Context, dsn string) (*sql.DB, error) {
	driver := "pgx"
	if !strings.HasPrefix(dsn, "postgres://") && !strings.HasPrefix(dsn, "postgresql://") {
		driver, dsn = "sqlite", dsn+"?_pragma=busy_timeout(10000)" // milliseconds to wait for another run
	}
	db, err := sql.Open(driver, dsn)
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1) // each connection to :memory: has a database of its own
	for _, statement := range schema {
		if _, err := db.ExecContext(ctx, statement); err != nil {
			return nil, errors.Join(err, db.Close())
		}
	}
	return db, nil
}

func (t *table[T]) sync(ctx context.Context, db *sql.DB, user growthgenius.ID, full bool) error {
	since, err := t.begin(ctx, db, user)
	if err != nil {
		return err
	}
	var stored, deleted int
	for window, err := range t.Changes(growthgenius.ChangeOptions{Since: since}).Windows(ctx) {
		if err != nil {
			return err
		}
		err := t.commit(ctx, db, window.Checkpoint, func(tx *sql.Tx) error {
			for _, item := range window.Items {
				if _, err := t.put(ctx, tx, item); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
		since = window.Checkpoint
		stored += len(window.Items)
	}
	if full {
		if deleted, err = t.refresh(ctx, db, since); err != nil {
			return err
		}
	}
	fmt.Printf("%s: %d changed, %d deleted\n", t.resource, stored, deleted)
	return nil
}

// begin finds out where the last run ended.
func (t *table[T]) begin(ctx context.Context, db *sql.DB, user growthgenius.ID) (since time.Time, err error) {
	_, err = db.ExecContext(ctx, `INSERT INTO growthgenius_sync (resource, user_id, checkpoint, version)
		VALUES ($1, $2, '1970-01-01T00:00:00Z', 0) ON CONFLICT (resource) DO NOTHING`, t.resource, string(user))
	if err != nil {
		return since, err
	}
	var owner, checkpoint string
	err = db.QueryRowContext(ctx, `SELECT user_id, checkpoint, version FROM growthgenius_sync WHERE resource = $1`, t.resource).
		Scan(&owner, &checkpoint, &t.version)
	if err != nil {
		return since, err
	}
	if owner != string(user) {
		return since, fmt.Errorf("this database is the copy of what user %s sees: take another one for user %s", owner, user)
	}
	return time.Parse(time.RFC3339Nano, checkpoint)
}

// commit makes what write does and the new checkpoint one transaction.
func (t *table[T]) commit(ctx context.Context, db *sql.DB, checkpoint time.Time, write func(*sql.Tx) error) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // does nothing after Commit
	// This comes first: another run waits here until this one has committed, and then finds
	// another version than it knows.
	res, err := tx.ExecContext(ctx, `UPDATE growthgenius_sync SET checkpoint = $1, version = version + 1
		WHERE resource = $2 AND version = $3`, checkpoint.Format(time.RFC3339Nano), t.resource, t.version)
	if err != nil {
		return err
	}
	if n, err := res.RowsAffected(); err != nil || n != 1 {
		return cmp.Or(err, errors.New("another run is at work on this database: this one ends"))
	}
	if err := write(tx); err != nil {
		return err
	}
	t.version++
	return tx.Commit()
}

// put stores a record in place of the one with its id.
func (t *table[T]) put(ctx context.Context, tx *sql.Tx, item *T) (growthgenius.ID, error) {
	record, err := json.Marshal(item)
	if err != nil {
		return "", err
	}
	id, columns := t.row(item)
	_, err = tx.ExecContext(ctx, t.upsert, append([]any{string(id), text(string(record))}, columns...)...)
	return id, err
}

// refresh stores everything there is and deletes the rows of what is no longer there, all
// in one transaction. It holds the ids in memory.
func (t *table[T]) refresh(ctx context.Context, db *sql.DB, checkpoint time.Time) (deleted int, err error) {
	err = t.commit(ctx, db, checkpoint, func(tx *sql.Tx) error {
		missing, err := t.stored(ctx, tx)
		if err != nil {
			return err
		}
		for item, err := range t.Stream(ctx, growthgenius.ListOptions{}) {
			if err != nil {
				return err // the list broke off: nothing is deleted
			}
			id, err := t.put(ctx, tx, item)
			if err != nil {
				return err
			}
			delete(missing, id)
		}
		// A list that lacks a record may be short for another reason, so the API is asked.
		for id := range missing {
			_, err := t.Get(ctx, id)
			if err == nil {
				continue
			}
			if !errors.Is(err, growthgenius.ErrNotFound) {
				return err
			}
			if _, err := tx.ExecContext(ctx, t.remove, string(id)); err != nil {
				return err
			}
			deleted++
		}
		return nil
	})
	return deleted, err
}

// stored is the set of the ids in the table.
func (t *table[T]) stored(ctx context.Context, tx *sql.Tx) (map[growthgenius.ID]bool, error) {
	rows, err := tx.QueryContext(ctx, t.ids)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	ids := map[growthgenius.ID]bool{}
	for rows.Next() {
		var id growthgenius.ID
		if err := rows.Scan(&id); err != nil {
			return nil, err
		}
		ids[id] = true
	}
	return ids, rows.Err()
}
