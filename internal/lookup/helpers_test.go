package lookup_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/growthgenius/growthgenius-go/internal/lookup"
)

const ttl = 30 * 24 * time.Hour

// spy is a cache that shows what is in it, never forgets anything, and misbehaves if it is
// told to.
type spy struct {
	get, set func(ctx context.Context) error

	mu         sync.Mutex // guards what follows
	values     map[string]string
	gets, sets int
	ttl        time.Duration // of the last Set
}

func (s *spy) Get(ctx context.Context, key string) ([]byte, bool, error) {
	s.mu.Lock()
	s.gets++
	value, ok := s.values[key]
	s.mu.Unlock()
	if s.get != nil {
		return []byte(value), ok, s.get(ctx)
	}
	return []byte(value), ok, nil
}

func (s *spy) Set(ctx context.Context, key string, value []byte, ttl time.Duration) error {
	if s.set != nil {
		if err := s.set(ctx); err != nil {
			return err
		}
	}
	s.put(key, string(value))
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sets++
	s.ttl = ttl
	return nil
}

func (s *spy) put(key, value string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.values == nil {
		s.values = map[string]string{}
	}
	s.values[key] = value
}

func (s *spy) at(key string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.values[key]
}

// counts fails unless the cache was read and written so many times.
func (s *spy) counts(t *testing.T, gets, sets int) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.gets != gets || s.sets != sets {
		t.Errorf("%d Gets and %d Sets, want %d and %d", s.gets, s.sets, gets, sets)
	}
}

// result is what the tests ask for.
type result struct {
	text string
	err  error
}

// rig is a Shared with what it works on.
type rig struct {
	*lookup.Shared[*result]
	cache *spy
	asked atomic.Int64 // calls that were made

	mu       sync.Mutex // guards what follows
	failures []string   // what failed was told, with the name of the question
}

func newRig(cache *spy) *rig {
	r := &rig{cache: cache}
	r.Shared = lookup.New(cache, lookup.TTL{Found: ttl, NotFound: ttl / 30}, func(_ context.Context, q lookup.Question[*result], err error) {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.failures = append(r.failures, q.Name+": "+err.Error())
	})
	return r
}

func (r *rig) told() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.failures
}

// question asks for what answer returns. Text is kept as found, an error whose text is
// "nobody" as not found.
func (r *rig) question(key string, answer func(context.Context) *result) lookup.Question[*result] {
	return lookup.Question[*result]{
		Key:  key,
		Name: "the question",
		Ask: func(ctx context.Context) *result {
			r.asked.Add(1)
			return answer(ctx)
		},
		Keep: func(_ context.Context, got *result) (lookup.Value, bool) {
			switch {
			case got.err == nil:
				return lookup.Value{Found: true, Body: []byte(got.text)}, true
			case got.err.Error() == "nobody":
				return lookup.Value{Body: []byte("nobody")}, true
			default:
				return lookup.Value{}, false
			}
		},
		Recall: func(_ context.Context, v lookup.Value) (*result, error) {
			switch {
			case len(v.Body) == 0:
				return nil, errors.New("it is empty")
			case v.Found:
				return &result{text: string(v.Body)}, nil
			default:
				return &result{err: errors.New(string(v.Body))}, nil
			}
		},
	}
}

// ask asks for a text that takes a second to come.
func (r *rig) ask(ctx context.Context, key string) (string, error) {
	got, err := r.Do(ctx, r.question(key, slow("text", time.Second)))
	if err != nil {
		return "", err
	}
	return got.text, got.err
}

// slow answers after a time, unless it is canceled.
func slow(text string, takes time.Duration) func(context.Context) *result {
	return func(ctx context.Context) *result {
		select {
		case <-time.After(takes):
			return &result{text: text}
		case <-ctx.Done():
			return &result{err: ctx.Err()}
		}
	}
}

// stored is a value of the cache that is so old.
func stored(age time.Duration, status int, body string) string {
	return fmt.Sprintf("growthgenius/1 %d %d\n%s", status, time.Now().Add(-age).Unix(), body)
}
