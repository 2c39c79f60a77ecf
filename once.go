package growthgenius

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"reflect"

	"github.com/growthgenius/growthgenius-go/internal/readback"
)

// createOnce is createOne, and honors [Once].
func createOnce[T any, P resourceOf[T]](ctx context.Context, c caller, e endpoint, opts []RequestOption) (*T, error) {
	o := applyOptions(opts)
	if o.once == nil && o.onceNote == nil {
		return createOne[T, P](ctx, c, e, &o)
	}
	k := keyed[T, P]{caller: c, endpoint: e, options: o, opts: opts}
	if err := k.check(); err != nil {
		return nil, e.refuse(err)
	}
	// Creates of contacts and of messages may have the same key.
	lease, err := c.core.ledger.Acquire(ctx, k.scope()+"/"+*o.once)
	if err != nil {
		return nil, e.refuse(fmt.Errorf("acquiring the key from the ledger: %w", err))
	}
	k.lease, k.entry = lease, lease.Entry()
	defer release(ctx, lease)
	v, err := k.create(ctx)
	if err == nil {
		k.event(ctx, k.by)
	}
	if unknown, ok := errors.AsType[*OutcomeUnknownError](err); ok {
		unknown.next = serviceOf(k.scope()) + ".Create again with the same key"
		unknown.repeatable = true
	}
	return v, err
}

// keyed is a create under a key.
type keyed[T any, P resourceOf[T]] struct {
	caller
	endpoint
	options callOptions
	opts    []RequestOption
	token   readback.Token // of this create, if it were sent now
	lease   Lease
	entry   Entry  // what is stored under the key
	by      string // the result of its event if the call succeeds
}

// scope is that of the entry: each record belongs to one key only.
func (k *keyed[T, P]) scope() string { return k.envelope.Singular }

// check returns an error if the create cannot be sent.
func (k *keyed[T, P]) check() error {
	switch {
	case k.options.err != nil:
		return fmt.Errorf("%w: %w", ErrInvalidInput, k.options.err)
	case k.options.once == nil:
		return fmt.Errorf("%w: OnceNote is for a create with Once", ErrInvalidInput)
	case k.options.onceNote != nil && k.note() == nil:
		return fmt.Errorf("%w: the function of OnceNote is for another kind of record: it needs one that takes a %T", ErrInvalidInput, (*T)(nil))
	case *k.options.once == "":
		return fmt.Errorf("%w: the key of Once is empty", ErrInvalidInput)
	case k.core.ledger == nil:
		return fmt.Errorf("%w: Once needs a client with a ledger: see WithLedger", ErrInvalidInput)
	}
	var err error
	e := k.endpoint
	k.token, err = k.newToken(&e, &k.options)
	return err
}

// create returns the record of the key, and creates it if no earlier call has.
func (k *keyed[T, P]) create(ctx context.Context) (*T, error) {
	if k.entry.Token != nil && !sameCreate(k.entry.Token.t, k.token) {
		k.event(ctx, "reused")
		return nil, k.refuse(fmt.Errorf("%w: use another key, or the input that was used first", ErrKeyReused))
	}
	if k.entry.ID != "" {
		k.by = "stored"
		return k.known(ctx)
	}
	for {
		v, err := k.settle(ctx)
		if err != nil {
			return nil, err
		}
		id := P(v).identity()
		e := Entry{ID: id, Token: k.entry.Token, Note: k.entry.Note}
		if note := k.note(); note != nil {
			e.Note = note(v)
		}
		err = k.record(ctx, e)
		if err == nil {
			return v, nil
		}
		if !errors.Is(err, ErrIDTaken) {
			k.event(ctx, "unknown")
			k.logUnknown(ctx, k.endpoint, "the ledger could not store the id of the record")
			return nil, k.unknown(ctx, k.entry.Token.t, fmt.Errorf(
				"it was created with the id %s, which the ledger could not store: %w", shownID(string(id)), err), nil)
		}
		// The record is that of an equal create under another key: this one has another.
		token := k.entry.Token.Except(id)
		k.entry.Token = &token
	}
}

// known reads the record that an earlier call created.
func (k *keyed[T, P]) known(ctx context.Context) (*T, error) {
	v, err := callOne[T, P](ctx, k.caller, endpoint{
		method: http.MethodGet, route: k.route + "/{id}", id: k.entry.ID, envelope: k.envelope,
	}, k.opts)
	if api, ok := errors.AsType[*APIError](err); ok && errors.Is(err, ErrNotFound) && !api.foreign {
		k.event(ctx, "deleted")
		return nil, k.refuse(fmt.Errorf("%w (id %s): use another key to create it again", ErrKeyDeleted, shownID(string(k.entry.ID))))
	}
	return v, err
}

// settle resolves the create that was begun under the key, or begins one.
func (k *keyed[T, P]) settle(ctx context.Context) (*T, error) {
	if k.entry.Token != nil {
		v, err := k.resolve(ctx)
		k.by = "resolved"
		if !errors.Is(err, ErrNotFound) {
			return v, k.kept(ctx, err)
		}
	}
	k.by = "created"
	guarded := k.options
	guarded.leaving = func() error { return held(k.lease, k.core.attemptTimeout) }
	guarded.storeToken = func(token CreateToken) error { return k.store(ctx, token) }
	v, err := createOne[T, P](ctx, k.caller, k.endpoint, &guarded)
	if err != nil && !errors.Is(err, ErrOutcomeUnknown) {
		if k.entry.Token != nil { // it was not created
			_ = k.record(ctx, Entry{Note: k.entry.Note}) // a later call finds that out again
		}
		return nil, err
	}
	return v, k.kept(ctx, err)
}

// resolve resolves the create that was begun under the key.
func (k *keyed[T, P]) resolve(ctx context.Context) (*T, error) {
	for {
		v, err := resolveOne[T, P](ctx, k.caller, endpoint{
			method: http.MethodGet, route: k.route, envelope: k.envelope,
		}, *k.entry.Token, k.opts)
		if !k.exclude(ctx, err) {
			return v, err
		}
	}
}

// exclude adds to the token the records that may be the one of the create, but belong to other
// keys. It reports whether there are any. err is why the create could not be resolved.
func (k *keyed[T, P]) exclude(ctx context.Context, err error) bool {
	unknown, ok := errors.AsType[*OutcomeUnknownError](err)
	if !ok {
		return false
	}
	alike, ok := errors.AsType[*readback.AlikeError](unknown.Last)
	lease, knows := k.lease.(interface {
		Taken(ctx context.Context, scope string, id ID) (bool, error)
	})
	if !ok || !knows {
		return false
	}
	var others []ID
	for _, id := range alike.IDs {
		if taken, err := lease.Taken(ctx, k.scope(), ID(id)); err == nil && taken {
			others = append(others, ID(id))
		}
	}
	token := unknown.Token.Except(others...)
	k.entry.Token = &token
	return len(others) > 0
}

// kept stores what is known of a create whose outcome is not, so that a later call knows it
// too. It returns err.
func (k *keyed[T, P]) kept(ctx context.Context, err error) error {
	if unknown, ok := errors.AsType[*OutcomeUnknownError](err); ok {
		_ = k.store(ctx, unknown.Token) // the former one does too
	}
	return err
}

// note returns the function of OnceNote, or nil if there is none for the type of the record.
func (k *keyed[T, P]) note() func(*T) json.RawMessage {
	note, _ := k.options.onceNote.(func(*T) json.RawMessage)
	return note
}

// store stores the token of a create that is sent under the key.
func (k *keyed[T, P]) store(ctx context.Context, token CreateToken) error {
	return k.record(ctx, Entry{Token: &token, Note: k.entry.Note})
}

// record stores an entry under the key.
func (k *keyed[T, P]) record(ctx context.Context, e Entry) error {
	if e.ID != "" || e.Token != nil {
		e.Scope = k.scope()
	}
	if err := record(ctx, k.lease, e); err != nil {
		return err
	}
	k.entry = e
	return nil
}

// event reports what became of the create.
func (k *keyed[T, P]) event(ctx context.Context, result string) {
	k.core.observer.event(ctx, Event{Kind: EventOnce, Method: k.method, Route: k.route, Result: result})
}

// sameCreate reports whether two creates have the same content, apart from their markers,
// and the same acting user.
func sameCreate(a, b readback.Token) bool {
	return a.Resource == b.Resource && a.UserID == b.UserID &&
		reflect.DeepEqual(contentOf(a), contentOf(b))
}

func contentOf(t readback.Token) map[string]any {
	var content map[string]any
	decoder := json.NewDecoder(bytes.NewReader(t.Content))
	decoder.UseNumber()          // of large numbers, each digit counts
	_ = decoder.Decode(&content) // the SDK encoded it
	delete(content, t.MarkerField)
	return content
}
