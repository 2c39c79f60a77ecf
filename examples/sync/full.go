package main

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"

	"github.com/growthgenius/growthgenius-go"
)

// refresh stores all records and deletes the rows of records that do not exist any more, in
// one transaction. It holds the ids in memory.
func (t *table[T]) refresh(ctx context.Context, db *sql.DB, limit func(rows int) int) (deleted int, err error) {
	err = t.commit(ctx, db, func(tx *sql.Tx, _ *state) error {
		missing, err := t.ids(ctx, tx)
		if err != nil {
			return err
		}
		rows := len(missing)
		t.read.total.Store(t.read.count.Load() + int64(rows))
		listed, err := t.list(ctx, tx, missing)
		if err != nil {
			return err // the list is incomplete, so nothing is deleted
		}
		gone, err := t.gone(ctx, tx, missing, listed)
		if err != nil {
			return err
		}
		if most := limit(rows); len(gone) > most {
			t.fail("%s: %d of %d rows are of records that do not exist any more, and one run may delete %d: none is deleted; "+
				"if that many have been deleted, run it again with -full -max-delete %d", t.resource, len(gone), rows, most, len(gone))
			return nil
		}
		for _, id := range gone {
			if _, err := tx.ExecContext(ctx, t.sql(`DELETE FROM %s WHERE id = $1`), string(id)); err != nil {
				return err
			}
		}
		deleted = len(gone)
		return nil
	})
	return deleted, err
}

// ids returns the set of the ids in the table.
func (t *table[T]) ids(ctx context.Context, tx *sql.Tx) (map[growthgenius.ID]bool, error) {
	rows, err := tx.QueryContext(ctx, t.sql(`SELECT id FROM %s`))
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

// list stores all records of the list, and takes them out of missing. It returns the id of
// one of them.
func (t *table[T]) list(ctx context.Context, tx *sql.Tx, missing map[growthgenius.ID]bool) (listed growthgenius.ID, err error) {
	var items []*T
	for item, err := range t.Stream(ctx, growthgenius.ListOptions{}) {
		if err != nil {
			return "", err
		}
		t.read.count.Add(1)
		listed = t.id(item)
		delete(missing, listed)
		if items = append(items, item); len(items) == 100 {
			if err := t.store(ctx, tx, items); err != nil {
				return "", err
			}
			items = items[:0]
		}
	}
	return listed, t.store(ctx, tx, items)
}

// gone returns which records that are missing in the list do not exist any more. They may
// be missing for another reason, so it asks for each of them. A response counts if it is
// the API's own 404, or another record: two contacts were merged, and the id of one leads
// to the one left. Anything else says nothing, and the row stays.
func (t *table[T]) gone(ctx context.Context, tx *sql.Tx, missing map[growthgenius.ID]bool, listed growthgenius.ID) (gone []growthgenius.ID, err error) {
	var notFound []growthgenius.ID
	for _, id := range slices.Sorted(maps.Keys(missing)) {
		found, err := t.find(ctx, id)
		switch {
		case isNotFound(err):
			notFound = append(notFound, id)
		case isResponse(err):
			t.keep(id, err)
		case err != nil:
			return nil, err
		case found == id:
		default:
			row, err := t.isRow(ctx, tx, found)
			if err != nil {
				return nil, err
			}
			if missing[found] || !row {
				t.keep(id, fmt.Errorf("the API responds with the record %s, which is not in its list", found))
				continue
			}
			gone = append(gone, id)
		}
	}
	// Something in between may respond with 404s that look like the API's own.
	if len(notFound) > 0 && listed != "" {
		found, err := t.find(ctx, listed)
		if err == nil && found != listed {
			err = fmt.Errorf("the response is the record %s", found)
		}
		if err != nil {
			t.fail("%s: the API does not find %d records that are missing in its list, but %s, which is in its list, is not found either, "+
				"so they are not deleted: %w", t.resource, len(notFound), listed, err)
			return gone, nil
		}
	}
	for _, id := range notFound { // one 404 may be a mistake
		switch _, err := t.find(ctx, id); {
		case isNotFound(err):
			gone = append(gone, id)
		case err == nil || isResponse(err):
			t.keep(id, cmp.Or(err, errors.New("it was not found, and then it was")))
		default:
			return nil, err
		}
	}
	return gone, nil
}

// find returns the id of the record that the API has under an id.
func (t *table[T]) find(ctx context.Context, id growthgenius.ID) (growthgenius.ID, error) {
	found, err := t.Get(ctx, id)
	if decode, ok := errors.AsType[*growthgenius.DecodeError](err); ok && decode.OtherID != "" {
		return decode.OtherID, nil // Get refuses another record than the one requested
	}
	if err != nil {
		return "", err
	}
	return t.id(found), nil
}

// isNotFound reports whether err is a 404 of the API itself, and not of a gateway or a proxy.
func isNotFound(err error) bool {
	api, ok := errors.AsType[*growthgenius.APIError](err)
	return ok && api.RecordNotFound()
}

// isResponse reports whether err is about the record that was asked for, rather than about
// the API, the key or the network.
func isResponse(err error) bool {
	if api, ok := errors.AsType[*growthgenius.APIError](err); ok {
		return api.StatusCode/100 == 4 && api.StatusCode != http.StatusUnauthorized && api.StatusCode != http.StatusTooManyRequests
	}
	return errors.Is(err, growthgenius.ErrDecode)
}

// isRow reports whether the table has a row with the id.
func (t *table[T]) isRow(ctx context.Context, tx *sql.Tx, id growthgenius.ID) (bool, error) {
	var n int
	err := tx.QueryRowContext(ctx, t.sql(`SELECT count(*) FROM %s WHERE id = $1`), string(id)).Scan(&n)
	return n > 0, err
}

// keep says why the row of a missing record stays.
func (t *table[T]) keep(id growthgenius.ID, err error) {
	t.kept++
	t.warn(id, fmt.Errorf("missing in the list, and not known to be deleted: %w", err))
}
