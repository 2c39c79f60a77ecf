package main

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"os"
	"slices"
	"strings"
	"time"

	"golang.org/x/term"

	"github.com/growthgenius/growthgenius-go"
)

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
	columns  []column[T]
	newest   string // the column that is later for a newer version of a record; "" if there is none
	id       func(*T) growthgenius.ID

	state   state
	read    *progress
	refused int     // how many records were not stored
	kept    int     // how many rows of missing records were not deleted
	late    []error // what the run fails with once it has done everything else
}

// state is what the database keeps of a table.
type state struct {
	version    int64 // grows with each transaction, which reveals other runs
	checkpoint time.Time
	columns    string // the columns that its rows have
}

// again is how long before the checkpoint the feed is read again after the list of -full.
const again = time.Hour

func (t *table[T]) sync(ctx context.Context, db *sql.DB, user growthgenius.ID, o options) error {
	t.read = startProgress(os.Stderr, term.IsTerminal(int(os.Stderr.Fd())), t.resource+" read")
	stored, deleted, err := t.copy(ctx, db, user, o)
	t.read.end()
	if err != nil {
		return err
	}
	fmt.Printf("%s: %d changed, %d deleted\n", t.resource, stored, deleted)
	if t.refused > 0 {
		t.fail("%s: %d not stored, see above: the next run tries again", t.resource, t.refused)
	}
	if t.kept > 0 {
		t.fail("%s: %d missing in the list, and not known to be deleted, see above: their rows stay", t.resource, t.kept)
	}
	return nil
}

func (t *table[T]) copy(ctx context.Context, db *sql.DB, user growthgenius.ID, o options) (stored, deleted int, err error) {
	if err := t.begin(ctx, db, user); err != nil {
		return 0, 0, err
	}
	if err := t.fill(ctx, db); err != nil {
		return 0, 0, err
	}
	if stored, err = t.follow(ctx, db, t.state.checkpoint); err != nil || !o.full {
		return stored, 0, err
	}
	if deleted, err = t.refresh(ctx, db, o.deletes); err != nil {
		return 0, 0, err
	}
	// The list may have shown something older than the feed did before.
	_, err = t.follow(ctx, db, t.state.checkpoint.Add(-again))
	return stored, deleted, err
}

// follow stores what has changed since a time, and returns the number of records.
func (t *table[T]) follow(ctx context.Context, db *sql.DB, since time.Time) (stored int, err error) {
	for window, err := range t.Changes(growthgenius.ChangeOptions{Since: since}).Windows(ctx) {
		if err != nil {
			return stored, err
		}
		t.read.count.Add(int64(len(window.Items)))
		refused := t.refused
		err := t.commit(ctx, db, func(tx *sql.Tx, s *state) error {
			err := t.store(ctx, tx, window.Items)
			if t.refused == 0 {
				s.checkpoint = window.Checkpoint
			}
			return err
		})
		if err != nil {
			return stored, err
		}
		stored += len(window.Items) - (t.refused - refused)
	}
	return stored, nil
}

// begin reads the state of the last run.
func (t *table[T]) begin(ctx context.Context, db *sql.DB, user growthgenius.ID) error {
	_, err := db.ExecContext(ctx, `INSERT INTO growthgenius_sync (resource, user_id, checkpoint, version)
		VALUES ($1, $2, '1970-01-01T00:00:00Z', 0) ON CONFLICT (resource) DO NOTHING`, t.resource, string(user))
	if err != nil {
		return err
	}
	var owner, checkpoint string
	err = db.QueryRowContext(ctx, `SELECT user_id, checkpoint, version, columns FROM growthgenius_sync WHERE resource = $1`, t.resource).
		Scan(&owner, &checkpoint, &t.state.version, &t.state.columns)
	if err != nil {
		return err
	}
	if owner != string(user) {
		return fmt.Errorf("this database is the copy of user %s: use another one for user %s", owner, user)
	}
	t.state.checkpoint, err = time.Parse(time.RFC3339Nano, checkpoint)
	return err
}

// fill creates the table, or adds the columns that are new and fills them from the records.
func (t *table[T]) fill(ctx context.Context, db *sql.DB) error {
	columns := make([][2]string, len(t.columns))
	for i, c := range t.columns {
		columns[i] = [2]string{c.name, c.kind}
	}
	current := fmt.Sprintf("version %d: %q", columnsVersion, columns)
	if t.state.columns == current {
		return nil
	}
	return t.commit(ctx, db, func(tx *sql.Tx, s *state) error {
		_, err := tx.ExecContext(ctx, t.sql(`CREATE TABLE IF NOT EXISTS %s (id TEXT PRIMARY KEY CHECK (id <> ''), record JSON NOT NULL)`))
		if err != nil {
			return err
		}
		if err := addColumns(ctx, tx, t.name(), columns...); err != nil {
			return err
		}
		var last growthgenius.ID
		for {
			items, err := t.stored(ctx, tx, &last)
			if err != nil {
				return err
			}
			if len(items) == 0 {
				break
			}
			if err := t.store(ctx, tx, items); err != nil {
				return err
			}
		}
		if t.refused == 0 {
			s.columns = current
		}
		return nil
	})
}

// stored returns the next records of the table, and moves last, which is the id of the last
// one, ahead.
func (t *table[T]) stored(ctx context.Context, tx *sql.Tx, last *growthgenius.ID) ([]*T, error) {
	rows, err := tx.QueryContext(ctx, t.sql(`SELECT id, record FROM %s WHERE id > $1 ORDER BY id LIMIT 1000`), string(*last))
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var items []*T
	for rows.Next() {
		var record []byte
		if err := rows.Scan(last, &record); err != nil {
			return nil, err
		}
		item := new(T)
		if err := json.Unmarshal(record, item); err != nil {
			return nil, fmt.Errorf("the stored record %s: %w", *last, err)
		}
		items = append(items, item)
	}
	return items, rows.Err()
}

// commit runs write and stores the state that it leaves, in one transaction.
func (t *table[T]) commit(ctx context.Context, db *sql.DB, write func(*sql.Tx, *state) error) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // does nothing after Commit
	// This comes first, so that another run waits here until this one has committed, and
	// then finds an unexpected version.
	res, err := tx.ExecContext(ctx, `UPDATE growthgenius_sync SET version = version + 1
		WHERE resource = $1 AND version = $2`, t.resource, t.state.version)
	if err != nil {
		return err
	}
	if n, err := res.RowsAffected(); err != nil || n != 1 {
		return cmp.Or(err, errors.New("another run is using this database"))
	}
	next := t.state
	next.version++
	if err := write(tx, &next); err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, `UPDATE growthgenius_sync SET checkpoint = $1, columns = $2 WHERE resource = $3`,
		next.checkpoint.Format(time.RFC3339Nano), next.columns, t.resource)
	if err != nil {
		return err
	}
	if err := tx.Commit(); err != nil {
		return err
	}
	t.state = next
	return nil
}

// row is a record as a row of the table.
type row struct {
	id     growthgenius.ID
	values []any // of the columns, after id and record
}

// store stores records in place of older ones with the same id. It names those that the
// database refuses.
func (t *table[T]) store(ctx context.Context, tx *sql.Tx, items []*T) error {
	for chunk := range slices.Chunk(items, 100) {
		rows := make([]row, 0, len(chunk))
		for _, item := range chunk {
			if r, err := t.rowOf(item); err != nil {
				t.refuse(t.id(item), err)
			} else {
				rows = append(rows, r)
			}
		}
		err := t.try(ctx, tx, rows)
		if err == nil {
			continue
		}
		if !isRefusal(err) {
			return err
		}
		for _, r := range rows {
			if err := t.try(ctx, tx, []row{r}); isRefusal(err) {
				t.refuse(r.id, err)
			} else if err != nil {
				return err
			}
		}
	}
	return nil
}

// rowOf returns the row of a record, and names the values that its columns cannot have.
func (t *table[T]) rowOf(item *T) (row, error) {
	record, err := json.Marshal(item)
	if err != nil {
		return row{}, err
	}
	r := row{t.id(item), []any{string(t.id(item)), text(string(record))}}
	for _, c := range t.columns {
		value, err := sqlValue(c.value(item))
		if err != nil {
			t.warn(r.id, fmt.Errorf("the column %s stays empty: %w", c.name, err))
		}
		r.values = append(r.values, value)
	}
	return r, nil
}

// try stores all rows or, if there is an error, none.
func (t *table[T]) try(ctx context.Context, tx *sql.Tx, rows []row) error {
	if _, err := tx.ExecContext(ctx, `SAVEPOINT rows`); err != nil {
		return err
	}
	upsert := t.upsert()
	for _, r := range rows {
		if _, err := tx.ExecContext(ctx, upsert, r.values...); err != nil {
			if _, failed := tx.ExecContext(ctx, `ROLLBACK TO SAVEPOINT rows; RELEASE SAVEPOINT rows`); failed != nil {
				return failed
			}
			return err
		}
	}
	_, err := tx.ExecContext(ctx, `RELEASE SAVEPOINT rows`)
	return err
}

// upsert returns the SQL that stores a row. A list may be older than what was stored before
// (another server, a cache), so an older version never replaces a newer one.
func (t *table[T]) upsert() string {
	names, params, sets := "id, record", "$1, $2", "record = excluded.record"
	for i, c := range t.columns {
		names += ", " + c.name
		params += fmt.Sprint(", $", i+3)
		sets += fmt.Sprintf(", %[1]s = excluded.%[1]s", c.name)
	}
	query := fmt.Sprintf("INSERT INTO %s (%s) VALUES (%s) ON CONFLICT (id) DO UPDATE SET %s", t.name(), names, params, sets)
	if t.newest != "" {
		query += fmt.Sprintf(" WHERE %[1]s.%[2]s IS NULL OR excluded.%[2]s IS NULL OR excluded.%[2]s >= %[1]s.%[2]s", t.name(), t.newest)
	}
	return query
}

func (t *table[T]) name() string { return "growthgenius_" + t.resource }

// sql returns a query with the name of the table in place of %s.
func (t *table[T]) sql(query string) string { return fmt.Sprintf(query, t.name()) }

// warn says on standard error what is odd about a record.
func (t *table[T]) warn(id growthgenius.ID, err error) {
	t.read.printf("sync: %s %s: %v", strings.TrimSuffix(t.resource, "s"), cmp.Or(id, "without an id"), err)
}

func (t *table[T]) refuse(id growthgenius.ID, err error) {
	t.refused++
	t.warn(id, fmt.Errorf("not stored: %w", err))
}

func (t *table[T]) fail(format string, args ...any) {
	t.late = append(t.late, fmt.Errorf(format, args...))
}

// with returns err and what else the run fails with.
func (t *table[T]) with(err error) error { return errors.Join(append(t.late, err)...) }
