package bulk

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/growthgenius/growthgenius-go"
)

// feedOverlap is how much of what was read before is read again: lists may show a change late.
const feedOverlap = 2 * time.Minute

// feed reads the contacts of the acting user, and later those that have changed since.
type feed struct {
	client  *growthgenius.Client
	undated bool      // the server does not say what time it has
	since   time.Time // by the server's clock, or this machine's: the changes before were read
}

// all passes each contact to see, some twice. They arrive as one list. If that breaks off, or
// was cut short, they are read again in parts, after a call of again.
func (f *feed) all(ctx context.Context, again func(), see func(*growthgenius.Contact) error) error {
	begun := time.Now()
	var info growthgenius.ResponseInfo
	refused := error(nil)
	for c, err := range f.client.Contacts.Stream(ctx, growthgenius.ListOptions{}, growthgenius.CaptureResponse(&info)) {
		if err != nil {
			refused = err
			break
		}
		if err := see(c); err != nil {
			return err
		}
	}
	date, err := http.ParseTime(info.Header.Get("Date"))
	f.undated = err != nil && len(info.Header) > 0
	switch {
	case refused == nil && err == nil && date.Before(begun): // a clock that is ahead only makes the next part longer
		f.since = date
		return nil
	case refused == nil:
		f.since = begun
		return nil
	case ctx.Err() != nil, errors.Is(refused, growthgenius.ErrUnauthorized), errors.Is(refused, growthgenius.ErrForbidden):
		return fmt.Errorf("reading the contacts: %w", refused)
	}
	again()
	return f.changes(ctx, func(contacts []*growthgenius.Contact) error {
		for _, c := range contacts {
			if err := see(c); err != nil {
				return err
			}
		}
		return nil
	})
}

// changes passes the contacts to see that have changed since it was called last. If it fails,
// the next call begins where it has ended.
func (f *feed) changes(ctx context.Context, see func([]*growthgenius.Contact) error) error {
	o := growthgenius.ChangeOptions{Since: f.since, Lag: time.Nanosecond}
	if !f.since.IsZero() {
		o.Since = f.since.Add(-feedOverlap)
	}
	if f.undated {
		o.Until = time.Now()
	}
	for window, err := range f.client.Contacts.Changes(o).Windows(ctx) {
		if err != nil {
			return fmt.Errorf("reading the contacts: %w", err)
		}
		if err := see(window.Items); err != nil {
			return err
		}
		f.since = window.Checkpoint
	}
	return nil
}
