package growthgenius

import (
	"context"
	"sync"
)

// upserts makes the upserts of one key wait for each other, and remembers their outcomes.
type upserts struct {
	mu    sync.Mutex // guards locks, the users of each, and known
	locks map[string]*upsertLock
	known [2]map[string]upserted
}

// upsertLock is the lock of one key.
type upsertLock struct {
	held  chan struct{} // holds an element while the lock is held
	users int           // how many hold it or wait for it
}

// upserted is the contact of a key, or the token of a create whose outcome is unknown.
type upserted struct {
	id    ID
	token *CreateToken
	user  ID // who acted
}

// maxUpserted is how many keys are remembered, twice: the older half is forgotten when the
// newer one is full.
const maxUpserted = 1 << 16

// lock waits until no other upsert of the key is under way, and returns the function that
// ends this one.
func (u *upserts) lock(ctx context.Context, key string) (unlock func(), err error) {
	u.mu.Lock()
	l := u.locks[key]
	if l == nil {
		if u.locks == nil {
			u.locks = map[string]*upsertLock{}
		}
		l = &upsertLock{held: make(chan struct{}, 1)}
		u.locks[key] = l
	}
	l.users++
	u.mu.Unlock()
	leave := func() {
		u.mu.Lock()
		defer u.mu.Unlock()
		l.users--
		if l.users == 0 {
			delete(u.locks, key)
		}
	}
	select {
	case l.held <- struct{}{}:
		return func() { <-l.held; leave() }, nil
	case <-ctx.Done():
		leave()
		return nil, ctx.Err()
	}
}

// recall returns what is known of a key.
func (u *upserts) recall(key string) upserted {
	u.mu.Lock()
	defer u.mu.Unlock()
	if v, ok := u.known[0][key]; ok {
		return v
	}
	return u.known[1][key]
}

// remember stores the outcome of an upsert under each of its keys.
func (u *upserts) remember(v upserted, keys ...string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	for _, key := range keys {
		u.put(key, v)
	}
}

func (u *upserts) put(key string, v upserted) {
	if u.known[0] == nil || len(u.known[0]) >= maxUpserted {
		u.known = [2]map[string]upserted{{}, u.known[0]}
	}
	u.known[0][key] = v
}
