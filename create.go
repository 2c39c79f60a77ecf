package growthgenius

import (
	"context"
	"log/slog"
	"reflect"
	"time"
)

// predates reports whether a record stood there before the create began. One that is
// much older is no twin mistaken for it: a canned answer of somebody's test, or a server
// whose clock means nothing.
func (c *core) predates(row rawRow, p *pending) bool {
	made := row.time("created_at")
	if made.IsZero() || !c.clock.bounds().known {
		return false
	}
	age := c.serverStart(p).Sub(made)
	return age > skewMargin+time.Second && age < longAgo
}

// rowOf is a record's value of some fields, as JSON.
func rowOf(r record, fields ...string) rawRow {
	v := reflect.ValueOf(r.fields()).Elem()
	s, row := schemaOf(v.Type()), rawRow{}
	for _, name := range fields {
		if i, ok := s.index[name]; ok {
			if raw, err := marshalJSON(v.Field(i).Interface()); err == nil {
				row[name] = raw
			}
		}
	}
	return row
}

// warnCreate logs what befell a create.
func (c *core) warnCreate(ctx context.Context, e endpoint, what string) {
	if c.logger != nil {
		c.logger.LogAttrs(ctx, slog.LevelWarn, "growthgenius: "+what, slog.String("method", e.method), slog.String("route", e.route))
	}
}

const outcomeUnknown = "outcome unknown"

// unknownForGood is the error of a raw call that has no list to be looked for in.
func (c caller) unknownForGood(ctx context.Context, e endpoint, last, ctxErr error) error {
	c.core.warnCreate(ctx, e, outcomeUnknown)
	return &OutcomeUnknownError{Last: last, ctxErr: ctxErr}
}
