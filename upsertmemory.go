package growthgenius

import (
	"context"
	"sync"
	"time"

	"github.com/growthgenius/growthgenius-go/internal/turns"
)

// upserts makes upserts with the same key wait for each other, and remembers their
// outcomes.
type upserts struct {
	turns turns.Turns
	mu    sync.Mutex // guards known
	known [2]map[string]upserted
}

// upserted is what is known of a key: the id of its contact, or the token of a create
// whose outcome is not known. The zero value means that nothing is.
type upserted struct {
	id    ID
	token *CreateToken
	user  ID        // the acting user
	made  bool      // an upsert created the contact, or may have
	at    time.Time // when the token was remembered
}

// upsertKey is what an upsert matches by. By e-mail comes first, then, if asked for, by name
// and company. An upsert locks all of its keys. A contact that was created or matched by
// name is remembered under all of them: it is the only one of its name.
type upsertKey struct {
	by       string // "email" or "name"
	keywords string // of the search
	// The outcome is remembered under two keys: own is that of the acting user, and
	// shared that of all users, who may not see each other's contacts.
	own, shared string
}

// maxUpserted is the size of each half of the memory. When the newer half is full, the
// older one is forgotten.
const maxUpserted = 1 << 16

// lock waits until no other upsert of any of the keys is running. It returns the function
// that releases the locks, or the context's error. All upserts lock that of
// an e-mail address first, so that no two wait for each other.
func (u *upserts) lock(ctx context.Context, keys []upsertKey) (unlock func(), err error) {
	held := 0
	unlock = func() {
		for _, key := range keys[:held] {
			u.turns.Give(key.shared)
		}
	}
	for _, key := range keys {
		if err := u.turns.Take(ctx, key.shared); err != nil {
			unlock()
			return nil, err //nolint:wrapcheck // the caller says what it waited for
		}
		held++
	}
	return unlock, nil
}

// recall returns what is known of a key, or the zero value.
func (u *upserts) recall(key string) upserted {
	u.mu.Lock()
	defer u.mu.Unlock()
	if v, ok := u.known[0][key]; ok {
		return v
	}
	return u.known[1][key]
}

// remember stores the outcome of an upsert under each of its keys.
func (u *upserts) remember(v upserted, keys []upsertKey) {
	u.mu.Lock()
	defer u.mu.Unlock()
	for _, key := range keys {
		u.put(key.own, v)
		u.put(key.shared, v)
	}
}

// restore forgets what the acting user's upsert did, and stores what was known before.
func (u *upserts) restore(key upsertKey, before upserted) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.put(key.own, upserted{})
	u.put(key.shared, before)
}

// put needs mu.
func (u *upserts) put(key string, v upserted) {
	if u.known[0] == nil || len(u.known[0]) >= maxUpserted {
		u.known = [2]map[string]upserted{{}, u.known[0]}
	}
	u.known[0][key] = v
}
