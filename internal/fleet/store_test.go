package fleet_test

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/growthgenius/growthgenius-go/internal/fleet"
)

var errAway = errors.New("connection refused")

// memory is a store in memory. A call takes the time of a round trip.
type memory struct {
	trip time.Duration

	mu    sync.Mutex // guards all fields below
	state fleet.State
	turns int
	away  bool
	hangs bool
	skew  time.Duration // of its clock
}

func (m *memory) Turn(ctx context.Context, q fleet.Request) (fleet.Reply, error) {
	time.Sleep(m.trip / 2)
	r, err := m.step(q)
	if errors.Is(err, context.DeadlineExceeded) {
		<-ctx.Done()
		return r, ctx.Err()
	}
	time.Sleep(m.trip - m.trip/2)
	return r, err
}

func (m *memory) step(q fleet.Request) (fleet.Reply, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.turns++
	switch {
	case m.hangs:
		return fleet.Reply{}, context.DeadlineExceeded
	case m.away:
		return fleet.Reply{}, errAway
	}
	return m.state.Turn(time.Now().Add(m.skew).UnixMicro(), q), nil
}

// set changes the store.
func (m *memory) set(f func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	f()
}

func (m *memory) calls() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.turns
}
