package turns_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/growthgenius/growthgenius-go/internal/turns"
)

var errClosed = errors.New("closed")

// TestInTurn: a key has one holder at a time, those that wait get it in their order, and other
// keys are free meanwhile.
func TestInTurn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var keys turns.Turns
		var group sync.WaitGroup
		var got []int
		for i := range 5 {
			group.Go(func() {
				time.Sleep(time.Duration(i) * time.Millisecond)
				if err := keys.Take(t.Context(), "key"); err != nil {
					t.Error(err)
				}
				got = append(got, i) // under the key
				time.Sleep(time.Second)
				keys.Give("key")
			})
		}
		time.Sleep(500 * time.Millisecond)
		if n, held := keys.Waiting("key"); n != 4 || !held {
			t.Errorf("%d wait, held: %v", n, held)
		}
		begun := time.Now()
		if err := keys.Take(t.Context(), "another"); err != nil || time.Since(begun) != 0 {
			t.Errorf("another key: %v after %v", err, time.Since(begun))
		}
		group.Wait()
		if !slices.Equal(got, []int{0, 1, 2, 3, 4}) {
			t.Errorf("the order is %d", got)
		}
		if n, held := keys.Waiting("key"); n != 0 || held {
			t.Errorf("then %d wait, held: %v", n, held)
		}
	})
}

// TestWaitEnds: a wait ends with its context, and the key goes to the next that waits.
func TestWaitEnds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var keys turns.Turns
		ended, end := context.WithCancel(t.Context())
		end()
		if err := keys.Take(ended, "key"); !errors.Is(err, context.Canceled) {
			t.Errorf("a free key with a context that has ended: %v", err)
		}
		if err := keys.Take(t.Context(), "key"); err != nil {
			t.Fatal(err)
		}
		short, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		var group sync.WaitGroup
		group.Go(func() {
			if err := keys.Take(short, "key"); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("got %v", err)
			}
		})
		synctest.Wait()
		group.Go(func() {
			if err := keys.Take(t.Context(), "key"); err != nil {
				t.Error(err)
			}
		})
		time.Sleep(2 * time.Second)
		keys.Give("key")
		group.Wait()
		if n, held := keys.Waiting("key"); n != 0 || !held {
			t.Errorf("%d wait, held: %v", n, held)
		}
	})
}

// TestGivenAsItEnds: if the context of a wait ends as it is given the key, it has the key.
func TestGivenAsItEnds(t *testing.T) {
	t.Parallel()
	for range 100 {
		synctest.Test(t, func(t *testing.T) {
			var keys turns.Turns
			if err := keys.Take(t.Context(), "key"); err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithCancel(t.Context())
			waited := make(chan error, 1)
			go func() { waited <- keys.Take(ctx, "key") }()
			synctest.Wait()
			go cancel()
			keys.Give("key")
			err := <-waited
			if _, held := keys.Waiting("key"); held != (err == nil) {
				t.Fatalf("the wait ended with %v, and the key is held: %v", err, held)
			}
		})
	}
}

// TestClose: all waits end with the error of the first Close, and later ones do not begin.
func TestClose(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var keys turns.Turns
		if err := keys.Take(t.Context(), "key"); err != nil {
			t.Fatal(err)
		}
		var group sync.WaitGroup
		for range 3 {
			group.Go(func() {
				if err := keys.Take(t.Context(), "key"); !errors.Is(err, errClosed) {
					t.Errorf("a wait ended with %v", err)
				}
			})
		}
		synctest.Wait()
		if !keys.Close(errClosed) || keys.Close(errors.New("again")) {
			t.Error("Close does not report whether it was the first")
		}
		group.Wait()
		for _, key := range []string{"key", "another"} {
			if err := keys.Take(t.Context(), key); !errors.Is(err, errClosed) {
				t.Errorf("%s after Close: %v", key, err)
			}
		}
	})
}
