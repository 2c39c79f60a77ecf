package growthgenius

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net/http"
	"reflect"
	"slices"
	"strings"

	"github.com/growthgenius/growthgenius-go/internal/engine"
	"github.com/growthgenius/growthgenius-go/internal/match"
	"github.com/growthgenius/growthgenius-go/internal/redact"
	"github.com/growthgenius/growthgenius-go/internal/wire"
)

// resource is a record with an id.
type resource interface {
	identity() ID
}

// resourceOf lets type inference find the pointer type of a resource.
type resourceOf[T any] interface {
	*T
	resource
}

// callOne makes a call whose response is one record.
func callOne[T any, P resourceOf[T]](ctx context.Context, c caller, e endpoint, opts []RequestOption) (v *T, err error) {
	ctx = c.observe(ctx, &e)
	defer e.seen.done(&err)
	res, err := c.send(ctx, e, opts)
	if err != nil {
		return nil, err
	}
	defer res.Release()
	return decodeOne[T, P](ctx, c, e, res)
}

// callNone makes a call whose response carries no record.
func callNone(ctx context.Context, c caller, e endpoint, opts []RequestOption) (err error) {
	ctx = c.observe(ctx, &e)
	defer e.seen.done(&err)
	res, err := c.send(ctx, e, opts)
	if err != nil {
		return err
	}
	if err := refusal(e, res); err != nil {
		return e.undecodable(c.core, res, err)
	}
	c.core.readBack.Deleted(e.envelope.Singular, wire.ID(e.id))
	return nil
}

// errReported means that a response with the status of a success reports an error.
var errReported = errors.New("the response reports an error")

// refusal returns why a response whose records are not needed is not a success, although its
// status is that of one, or nil: a proxy has sent it, or it reports an error.
func refusal(e endpoint, res *engine.Response) error {
	switch body := bytes.TrimSpace(res.Body); {
	case !res.Succeeded():
		return nil
	case res.IsPage(), e.method == http.MethodDelete && len(body) > 0 && !json.Valid(body):
		return errPage // or other text: newDecodeError looks
	case wire.ReportsError(body):
		return errReported
	default:
		return nil
	}
}

// callWhole makes a call and decodes the whole response into v, which must pass the check.
func (c caller) callWhole(ctx context.Context, e endpoint, v json.Unmarshaler, opts []RequestOption, check func() error) (err error) {
	ctx = c.observe(ctx, &e)
	defer e.seen.done(&err)
	res, err := c.send(ctx, e, opts)
	if err != nil {
		return err
	}
	defer res.Release()
	return c.decodeWhole(ctx, e, res, v, check)
}

func (c caller) decodeWhole(ctx context.Context, e endpoint, res *engine.Response, v json.Unmarshaler, check func() error) error {
	if k := wire.KindOf(res.Body); k != wire.KindObject {
		return e.undecodable(c.core, res, fmt.Errorf("the response is %s, not an object", k))
	}
	switch err := v.UnmarshalJSON(res.Body); {
	case errors.Is(err, ErrResponseTooLarge):
		return e.refuse(err)
	case err != nil:
		return e.undecodable(c.core, res, err)
	}
	if err := check(); err != nil {
		return e.undecodable(c.core, res, err)
	}
	return c.core.inspect(ctx, e, res, v)
}

func decodeOne[T any, P resourceOf[T]](ctx context.Context, c caller, e endpoint, res *engine.Response) (*T, error) {
	found, err := decodeMany[T, P](ctx, c, e, res, false)
	if err != nil {
		return nil, err
	}
	for i := range found {
		id := P(&found[i]).identity()
		if e.id != "" && sameID(id, e.id) || len(found) == 1 && id != "" && (e.id == "" || e.moved || isNumberOf(id, e.id)) {
			return &found[i], nil
		}
	}
	switch {
	case len(found) == 0:
		err = fmt.Errorf("the list under %s is empty", e.envelope)
	case len(found) > 1:
		err = fmt.Errorf("the response has %d records, none of them the one requested", len(found))
	case P(&found[0]).identity() == "":
		err = errNoID
	default:
		id := c.core.redact.Text(string(P(&found[0]).identity()))
		other := e.undecodable(c.core, res, fmt.Errorf("the response describes another record, with the id %s", shownID(id)))
		other.known, other.OtherID = true, ID(id)
		return nil, other
	}
	return nil, e.undecodable(c.core, res, err)
}

// rowIn returns the record that a response has for a call: the one with the id of the call,
// or the first one. It keeps the difference between null and a field that is absent.
func rowIn(res *engine.Response, e endpoint) match.Row {
	items := wire.NewReader(res.Body, e.envelope, nil)
	defer items.Done()
	for {
		var row match.Row
		if ok, err := items.Next(func() any { return &row }); !ok || err != nil {
			return nil
		}
		if !e.isOfOne() || sameID(ID(row.ID()), e.id) {
			return row
		}
	}
}

// minRecordBytes is what the records of a response may take in memory, even if the bound on
// the response is smaller.
const minRecordBytes = 1 << 20

// errNoID means that a record cannot be told from others.
var errNoID = errors.New("the record has no id")

// decodeMany decodes the records in a response. If a list is due and the response says that
// it is not the whole of it, the records that it has are returned beside the error.
func decodeMany[T any, P resourceOf[T]](ctx context.Context, c caller, e endpoint, res *engine.Response, list bool) ([]T, error) {
	items := wire.NewReader(res.Body, e.envelope, nil)
	defer items.Done()
	size := reflect.TypeFor[T]().Size()
	var memory struct { // one allocation for a response with one record
		found []T
		first [1]T
	}
	memory.found = memory.first[:0]
	next := func() any {
		n := len(memory.found)
		if n == cap(memory.found) {
			memory.found = slices.Grow(memory.found, wire.Room(n, items.Offset(), int64(len(res.Body)), size)-n)
		}
		memory.found = append(memory.found, *new(T))
		return P(&memory.found[n])
	}
	if list {
		items.ExpectList(res.Extent())
	}
	most, taken := max(minRecordBytes, wire.RecordGrowth*min(c.core.maxBytes, math.MaxInt64/wire.RecordGrowth)), int64(0)
	for {
		ok, err := items.Next(next)
		found := memory.found
		switch {
		case errors.Is(err, ErrPartialResults):
			return found, e.refuse(err)
		case ok && err == nil && list && P(&found[len(found)-1]).identity() == "":
			err = fmt.Errorf("record %d: %w", len(found), errNoID)
		}
		if err != nil {
			return nil, e.undecodable(c.core, res, err)
		}
		if !ok {
			break
		}
		taken += int64(wire.InList(size)) //nolint:gosec // no type is that large
		taken += items.Taken()
		if most := min(most, wire.Bound(items.Offset())); taken > most { // empty objects take many times their JSON
			return nil, e.refuse(fmt.Errorf("%w: its first %d records take over %d bytes; see WithMaxResponseBytes and Stream", ErrResponseTooLarge, len(found), most))
		}
	}
	if err := c.core.inspect(ctx, e, res, &memory.found, items.Strays()...); err != nil {
		return nil, err
	}
	found := memory.found
	if spare := cap(found) - len(found); spare > len(found)/8 { // the last records were longer than the first
		found = append(make([]T, 0, len(found)), found...)
	}
	return found, nil
}

// inspect logs each way in which a response differs from the reference, once, or with
// strict decoding makes it an error. v is a pointer to the decoded record or records.
func (c *core) inspect(ctx context.Context, e endpoint, res *engine.Response, v any, strays ...wire.Oddity) error {
	if c.logger == nil && !c.strict {
		return nil
	}
	found := strays
	wire.Oddities(v, func(o wire.Oddity) { found = append(found, o) })
	if c.strict && len(found) > 0 {
		texts := make([]string, len(found))
		for i, o := range found {
			texts[i] = o.String()
		}
		slices.Sort(texts)
		err := e.undecodable(c, res, fmt.Errorf("strict decoding: %s", strings.Join(slices.Compact(texts), "; ")))
		err.strict, err.known = true, true
		return err
	}
	for _, o := range found {
		if c.oddities.first(o) {
			c.warn(ctx, e, res, o)
		}
	}
	return nil
}

// undecodable is the error of a response that cannot be used.
func (e endpoint) undecodable(c *core, res *engine.Response, reason error) *DecodeError {
	return newDecodeError(e.about(), res, reason, c.redact)
}

// warn logs a field of a response that is not as the reference says.
func (c *core) warn(ctx context.Context, e endpoint, res *engine.Response, o wire.Oddity) {
	if c.logger == nil {
		return
	}
	o.Field = redact.Clip(redact.Printable(c.redact.Text(o.Field)), maxFieldName)
	fate := "; its value is kept"
	if o.Record == wire.EnvelopeRecord {
		fate = "; it is ignored"
	}
	attrs := []slog.Attr{
		slog.String("method", e.method), slog.String("route", e.route),
		slog.String("record", o.Record), slog.String("field", o.Field),
	}
	if id := c.redact.Text(res.RequestID()); id != "" {
		attrs = append(attrs, slog.String("request_id", id))
	}
	c.logger.LogAttrs(ctx, slog.LevelWarn, "growthgenius: "+o.String()+fate, attrs...)
}
