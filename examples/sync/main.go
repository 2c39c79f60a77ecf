// Sync keeps a copy of all contacts and messages in a database, SQLite or Postgres. Run
// it every night: it stores what has changed since the last run.
//
//	go run .                                    # a server and a database in memory
//	go run . -dsn crm.db                        # SQLite; growthgenius.db without -dsn
//	go run . -dsn postgres://me@localhost/crm   # keep the password in ~/.pgpass
//	go run . -full                              # also finds deleted records
//
// It may be killed at any time: rows are stored in the same transaction as their
// checkpoint, and a row that is received again replaces itself. If two runs overlap, one
// of them fails. A database holds the copy of what one user can see.
//
// The API lists created and updated records, but not deleted ones. So -full, once a week
// perhaps, reads all records again. It deletes the rows of records that are missing in the
// list and that the API does not find by their id either.
//
// If GROWTHGENIUS_API_KEY and GROWTHGENIUS_USER_ID are set, it uses the real API, and
// only reads. Otherwise it uses a server in memory, over real HTTP, and does not accept
// -dsn.
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

// schema is SQL for both databases. The JSON holds the whole record; the other columns
// are for queries. Add the ones that you need here and to the upserts below.
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

// service is the part of client.Contacts and client.Messages that a copy needs.
type service[T any] interface {
	Changes(growthgenius.ChangeOptions) *growthgenius.ChangeFeed[T]
	Stream(context.Context, growthgenius.ListOptions, ...growthgenius.RequestOption) iter.Seq2[*T, error]
	Get(context.Context, growthgenius.ID, ...growthgenius.RequestOption) (*T, error)
}

// table is the copy of a resource.
type table[T any] struct {
	service[T]
	resource string
	version  int64 // grows with each transaction, which reveals other runs

	upsert, ids, remove string                            // SQL
	row                 func(*T) (growthgenius.ID, []any) // the id and the columns after record
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

// text returns NULL for an empty string. Postgres accepts neither NUL characters nor
// invalid UTF-8; the JSON of a record contains NUL characters as escapes.
func text(s string) any {
	if s == "" {
		return nil
	}
	return strings.ToValidUTF8(strings.ReplaceAll(s, "\x00", ""), "\uFFFD")
}

// instant returns NULL for the zero time, and otherwise text that both databases sort by
// time.
func instant(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UTC().Format("2006-01-02T15:04:05.000000Z")
}

func main() {
	dsn := flag.String("dsn", "", "postgres://..., or the name of an SQLite file (default growthgenius.db)")
	full := flag.Bool("full", false, "afterwards read all records again, and delete the rows of deleted records")
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
		return errors.New("GROWTHGENIUS_API_KEY is not set: -dsn would get the sample records of a server in memory")
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
	driver, name := "pgx", "Postgres" // a URL may contain a password: do not show it
	if !strings.HasPrefix(dsn, "postgres://") && !strings.HasPrefix(dsn, "postgresql://") {
		driver, name = "sqlite", "the SQLite file "+dsn
		dsn += "?_pragma=busy_timeout(10000)" // milliseconds to wait for another run
	}
	db, err := sql.Open(driver, dsn)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", name, err)
	}
	db.SetMaxOpenConns(1) // each connection to :memory: has its own database
	for _, statement := range schema {
		if _, err := db.ExecContext(ctx, statement); err != nil {
			return nil, errors.Join(fmt.Errorf("open %s: %w", name, err), db.Close())
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

// begin returns the checkpoint of the last run.
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
		return since, fmt.Errorf("this database is the copy of user %s: use another one for user %s", owner, user)
	}
	return time.Parse(time.RFC3339Nano, checkpoint)
}

// commit runs write and stores the new checkpoint in one transaction.
func (t *table[T]) commit(ctx context.Context, db *sql.DB, checkpoint time.Time, write func(*sql.Tx) error) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // does nothing after Commit
	// This comes first, so that another run waits here until this one has committed, and
	// then finds an unexpected version.
	res, err := tx.ExecContext(ctx, `UPDATE growthgenius_sync SET checkpoint = $1, version = version + 1
		WHERE resource = $2 AND version = $3`, checkpoint.Format(time.RFC3339Nano), t.resource, t.version)
	if err != nil {
		return err
	}
	if n, err := res.RowsAffected(); err != nil || n != 1 {
		return cmp.Or(err, errors.New("another run is using this database"))
	}
	if err := write(tx); err != nil {
		return err
	}
	t.version++
	return tx.Commit()
}

// put stores a record, in place of an older one with the same id.
func (t *table[T]) put(ctx context.Context, tx *sql.Tx, item *T) (growthgenius.ID, error) {
	record, err := json.Marshal(item)
	if err != nil {
		return "", err
	}
	id, columns := t.row(item)
	_, err = tx.ExecContext(ctx, t.upsert, append([]any{string(id), text(string(record))}, columns...)...)
	return id, err
}

// refresh stores all records and deletes the rows of deleted ones, in one transaction. It
// holds the ids in memory.
func (t *table[T]) refresh(ctx context.Context, db *sql.DB, checkpoint time.Time) (deleted int, err error) {
	err = t.commit(ctx, db, checkpoint, func(tx *sql.Tx) error {
		missing, err := t.stored(ctx, tx)
		if err != nil {
			return err
		}
		for item, err := range t.Stream(ctx, growthgenius.ListOptions{}) {
			if err != nil {
				return err // the list is incomplete, so nothing is deleted
			}
			id, err := t.put(ctx, tx, item)
			if err != nil {
				return err
			}
			delete(missing, id)
		}
		// A record may be missing in the list for another reason, so ask for it.
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

// stored returns the set of the ids in the table.
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
