package growthgenius

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/growthgenius/growthgenius-go/internal/turns"
)

// upserts is the ledger of upserts of a client that has no other one. It gives a key to one
// upsert at a time, and remembers what became of the latest keys.
type upserts struct {
	turns turns.Turns
	mu    sync.Mutex // guards known
	known [2]map[string]Entry
}

// maxUpserted is the size of each half of the memory. When the newer half is full, the
// older one is forgotten.
const maxUpserted = 1 << 16

// Acquire implements [Ledger].
func (u *upserts) Acquire(ctx context.Context, key string) (Lease, error) {
	if err := u.turns.Take(ctx, key); err != nil {
		return nil, fmt.Errorf("waiting for another upsert of the same contact: %w", err)
	}
	return &upsertLease{u, key}, nil
}

// upsertLease is a lease of upserts.
type upsertLease struct {
	upserts *upserts
	key     string
}

// Entry implements [Lease].
func (l *upsertLease) Entry() Entry {
	u := l.upserts
	u.mu.Lock()
	defer u.mu.Unlock()
	if e, ok := u.known[0][l.key]; ok {
		return e
	}
	return u.known[1][l.key]
}

// Record implements [Lease].
func (l *upsertLease) Record(_ context.Context, e Entry) error {
	u := l.upserts
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.known[0] == nil || len(u.known[0]) >= maxUpserted {
		u.known = [2]map[string]Entry{{}, u.known[0]}
	}
	u.known[0][l.key] = e
	return nil
}

// Until implements [Lease].
func (l *upsertLease) Until() time.Time { return time.Time{} }

// Release implements [Lease].
func (l *upsertLease) Release(context.Context) error {
	l.upserts.turns.Give(l.key)
	return nil
}

// upserted is what is known of a key: the id of its contact, or the token of a create
// whose outcome is not known.
type upserted struct {
	ID    ID           `json:"id,omitzero"`
	Token *CreateToken `json:"token,omitzero"`
	User  ID           `json:"user"`           // the acting user
	Made  bool         `json:"made,omitzero"`  // an upsert created the contact, or may have
	Since time.Time    `json:"since,omitzero"` // when the token was stored
}

// is reports whether two upserts had the same outcome.
func (u upserted) is(other upserted) bool {
	if u.Token != nil && other.Token != nil {
		return u.Token.t.Nonce == other.Token.t.Nonce
	}
	return u.Token == other.Token && u.ID == other.ID
}

// upsertKey is what an upsert matches by. By e-mail comes first, then, if asked for, by name
// and company. An upsert holds all of its keys. A contact that was created or matched by
// name is remembered under all of them: it is the only one of its name.
type upsertKey struct {
	by       string // "email" or "name"
	keywords string // of the search
	name     string // in the ledger
	lease    Lease
	// What is known, one for each acting user, the newest first: users may not see each
	// other's contacts.
	known []upserted
}

// newUpsertKey returns the key of a text that is the same for all that match. The ledger
// has its hash only: it may be an e-mail address.
func newUpsertKey(by, keywords, text string) *upsertKey {
	sum := sha256.Sum256([]byte(text))
	return &upsertKey{by: by, keywords: keywords, name: "upsert/" + hex.EncodeToString(sum[:])}
}

// acquire waits until no other upsert of any process holds the key, and reads what is known.
func (k *upsertKey) acquire(ctx context.Context, l Ledger) error {
	lease, err := l.Acquire(ctx, k.name)
	if err != nil {
		return err //nolint:wrapcheck // the caller says what it waited for
	}
	k.lease = lease
	if err := k.read(lease.Entry()); err != nil {
		return fmt.Errorf("reading the key %s: %w", k.name, err)
	}
	return nil
}

// read reads an entry. Its note is what is known, without what the entry itself has of the
// newest.
func (k *upsertKey) read(e Entry) error {
	if e.Note != nil {
		if err := json.Unmarshal(e.Note, &k.known); err != nil {
			return err //nolint:wrapcheck // acquire does
		}
	}
	if len(k.known) > 0 {
		k.known[0].ID, k.known[0].Token = e.ID, e.Token
	}
	return nil
}

// entry is what read reads.
func (k *upsertKey) entry() (Entry, error) {
	if len(k.known) == 0 {
		return Entry{}, nil
	}
	e, note := Entry{ID: k.known[0].ID, Token: k.known[0].Token}, slices.Clone(k.known)
	note[0].ID, note[0].Token = "", nil
	var err error
	e.Note, err = json.Marshal(note)
	return e, err //nolint:wrapcheck // its own values can be encoded
}

// recall returns what is known: first of the upserts of an acting user, then of all.
func (k *upsertKey) recall(user ID) []upserted {
	var known []upserted
	for i, v := range k.known {
		switch {
		case v.User == user:
			known = slices.Insert(known, 0, v)
		case i == 0:
			known = append(known, v)
		}
	}
	return known
}

// remember stores the outcome of an upsert in place of what is known of its acting user.
func (k *upsertKey) remember(ctx context.Context, v upserted) error {
	if len(k.known) > 0 && k.known[0] == v {
		return nil
	}
	return k.store(ctx, slices.Insert(k.without(v.User), 0, v))
}

// forget removes what is known of an acting user.
func (k *upsertKey) forget(ctx context.Context, user ID) error {
	return k.store(ctx, k.without(user))
}

func (k *upsertKey) without(user ID) []upserted {
	return slices.DeleteFunc(slices.Clone(k.known), func(v upserted) bool { return v.User == user })
}

func (k *upsertKey) store(ctx context.Context, known []upserted) error {
	before := k.known
	k.known = known
	e, err := k.entry()
	if err == nil {
		err = record(ctx, k.lease, e)
	}
	if err != nil {
		k.known = before
	}
	return err
}
